// Stands in for a model behind OpenAI's API. It knows what the pipeline asks, and answers by rule.
//
// Feedback with "#busy" in it finds the model busy once; with "#refuse", it is never analyzed.

import { createServer } from "node:http";
import { text } from "node:stream/consumers";

const SENTIMENTS = {
  positive: ["love", "great", "wonderful", "friendly", "fast", "thank"],
  negative: ["late", "broken", "slow", "cold", "rude", "refund"],
};
const TOPICS = {
  delivery: ["deliver", "late", "arrived", "fast"],
  product: ["bread", "cake", "coffee", "broken", "cold"],
  service: ["staff", "friendly", "rude", "refund"],
};

export function modelServer() {
  const alreadyBusy = new Set();
  return createServer(async (request, response) => {
    const send = (status, body, headers = {}) =>
      response
        .writeHead(status, { "Content-Type": "application/json", ...headers })
        .end(JSON.stringify(body));

    if (request.method !== "POST" || request.url !== "/v1/chat/completions") {
      return send(404, { error: { message: "There is no such route." } });
    }
    const { model, messages } = JSON.parse(await text(request));
    const [system, user] = messages.map((message) => message.content);
    if (user.includes("#refuse") && system.startsWith("Analyze")) {
      return send(400, { error: { message: "This I will not answer." } });
    }
    if (user.includes("#busy") && !alreadyBusy.has(user)) {
      alreadyBusy.add(user);
      return send(503, { error: { message: "Too much to do." } }, { "Retry-After": "1" });
    }
    const message = { role: "assistant", content: contentFor(system, user) };
    send(200, {
      id: "chatcmpl-stand-in",
      object: "chat.completion",
      created: Math.floor(Date.now() / 1000),
      model,
      choices: [{ index: 0, message, finish_reason: "stop" }],
    });
  });
}

function contentFor(system, user) {
  if (system.startsWith("Analyze")) return JSON.stringify(analyze(user));
  if (system.startsWith("Draft")) return draftReply(system);
  return summarize(user.split("\n"));
}

function analyze(user) {
  const score = matches(user, SENTIMENTS.positive) - matches(user, SENTIMENTS.negative);
  const sentiment = score > 0 ? "positive" : score < 0 ? "negative" : "neutral";
  const topics = Object.keys(TOPICS).filter((topic) => matches(user, TOPICS[topic]) > 0);
  return { sentiment, topics };
}

function draftReply(system) {
  const [, sentiment, topics] = system.match(/It is (\w+) and about: (.*)\.$/);
  const opening = sentiment === "negative" ? "We are sorry to hear that." : "That makes our day.";
  return `Thank you for writing to us. ${opening} We have told everyone who works on: ${topics}.`;
}

function summarize(texts) {
  const counts = texts.map((text) => analyze(text).sentiment);
  const negative = counts.filter((sentiment) => sentiment === "negative").length;
  return `${texts.length} pieces of feedback came in. ${negative} of them were negative.`;
}

function matches(text, words) {
  return words.filter((word) => text.toLowerCase().includes(word)).length;
}
