// Does with the JavaScript SDK what the tests ask for: one JSON object a line in, one a line out.

import dns from "node:dns";
import { createInterface } from "node:readline";
import * as qstash from "@upstash/qstash";
import { startReceivers } from "./receivers.mjs";

const { Client, Receiver } = qstash;

const DEADLINE_MS = 20_000;
const FIELDS = [
  "status", "limit", "remaining", "reset", "limitRequests", "limitTokens", "remainingRequests",
  "remainingTokens", "resetRequests", "resetTokens",
];

// Standard output belongs to the answers: the SDK's own remarks go elsewhere.
console.log = console.info = console.debug = console.warn = console.error;

// Tests contact nobody. The names of other machines that the SDK asks for are remembered instead.
const LOOPBACK = ["127.0.0.1", "::1", "localhost"];
const strangers = [];
const lookup = dns.lookup;
dns.lookup = (name, ...rest) => {
  if (LOOPBACK.includes(name)) return lookup(name, ...rest);
  strangers.push(name);
  rest.at(-1)(new Error(`the driver connects to no other machine: ${name}`));
};

const clients = new Map();

const operations = {
  // steps: [name] reads a property, [name, arguments] calls a method.
  async call({ client, steps }) {
    let value = clientOf(client);
    for (const [name, args] of steps) {
      value = args === undefined ? value[name] : await value[name](...args);
    }
    return value?.[Symbol.asyncIterator] ? listOf(value) : value;
  },
  verify: ({ receiver, request }) => new Receiver(receiver).verify(request),
  verifyAll: ({ receiver, requests }) =>
    Promise.all(requests.map((request) => settled(() => new Receiver(receiver).verify(request)))),
  receivers: ({ keys }) => startReceivers(keys),
  strangers: () => strangers,
};

async function listOf(stream) {
  const elements = [];
  for await (const element of stream) elements.push(element);
  return elements;
}

function clientOf(options) {
  const key = JSON.stringify(options);
  if (!clients.has(key)) clients.set(key, new Client(options));
  return clients.get(key);
}

async function settled(work) {
  try {
    return { value: await work() };
  } catch (error) {
    return { error: describe(error) };
  }
}

function describe(error) {
  const fields = FIELDS.filter((name) => error[name] !== undefined);
  return {
    name: error.constructor.name,
    message: error.message,
    ...Object.fromEntries(fields.map((name) => [name, error[name]])),
  };
}

// What JSON can't say: {"$date": ms}, {"$bytes": base64}, {"$number": "NaN"}, {"$undefined": true},
// {"$provider": ["openai", {"token": ...}]}, {"$form": [name, value]}, {"$multipart": [name, value]}.
function revive(_, value) {
  if (value?.$date !== undefined) return new Date(value.$date);
  if (value?.$bytes !== undefined) return new Blob([Buffer.from(value.$bytes, "base64")]);
  if (value?.$number !== undefined) return Number(value.$number);
  if (value?.$form !== undefined) return new URLSearchParams([value.$form]);
  if (value?.$multipart !== undefined) return multipart(...value.$multipart);
  if (value?.$provider !== undefined) return qstash[value.$provider[0]](value.$provider[1]);
  return value;
}

function multipart(name, value) {
  const form = new FormData();
  form.set(name, value);
  return form;
}

// A reviver that returns undefined would remove the key.
function fillUndefined(value) {
  if (value === null || typeof value !== "object") return value;
  for (const [key, inner] of Object.entries(value)) {
    if (inner?.$undefined) value[key] = undefined;
    else fillUndefined(inner);
  }
  return value;
}

function inTime(work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("the driver's deadline has passed")), DEADLINE_MS);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = fillUndefined(JSON.parse(line, revive));
  const answer = await settled(() => inTime(operations[request.operation](request)));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
