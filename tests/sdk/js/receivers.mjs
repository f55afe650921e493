// One route for each signature helper of the SDK that needs no framework to run. Each answers what
// its handler was given, so that a callback brings it back to the test.

import { createServer } from "node:http";
import { Readable } from "node:stream";
import { verifySignature, verifySignatureAppRouter, verifySignatureEdge } from "@upstash/qstash/nextjs";
import { verifySignatureSolidjs } from "@upstash/qstash/solidjs";
import { verifySignatureSvelte } from "@upstash/qstash/svelte";

export function startReceivers({ current, next }) {
  const keys = { currentSigningKey: current, nextSigningKey: next };
  const onRequest = async (request) => Response.json(await seenIn(request));
  const onEvent = ({ request }) => onRequest(request);
  const appRouter = verifySignatureAppRouter(onRequest, keys);
  const edge = verifySignatureEdge(onRequest, keys);
  const svelte = verifySignatureSvelte(onEvent, keys);
  const solid = verifySignatureSolidjs(onEvent, keys);
  const routes = {
    "/app": fetchRoute((request) => appRouter(request)),
    "/edge": fetchRoute((request) => edge(request)),
    "/svelte": fetchRoute((request) => svelte({ request })),
    "/solid": fetchRoute((request) => solid({ request })),
    "/pages": pagesRoute(verifySignature(onPage, keys)),
  };
  const server = createServer(async (incoming, outgoing) => {
    try {
      await routes[incoming.url](incoming, outgoing);
    } catch (error) {
      outgoing.writeHead(500).end(error.message);
    }
  });
  server.unref();
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(server.address().port));
  });
}

async function seenIn(request) {
  return {
    body: await request.text(),
    contentType: request.headers.get("content-type"),
    method: request.method,
  };
}

function onPage(request, response) {
  const seen = {
    body: request.body,
    contentType: request.headers["content-type"] ?? null,
    method: request.method,
  };
  response.status(200).send(JSON.stringify(seen));
}

// As frameworks do it: a standard Request out of the one of Node, and its Response back.
function fetchRoute(handler) {
  return async (incoming, outgoing) => {
    const hasBody = !["GET", "HEAD"].includes(incoming.method);
    const request = new Request(`http://${incoming.headers.host}${incoming.url}`, {
      method: incoming.method,
      headers: incoming.headers,
      ...(hasBody && { body: Readable.toWeb(incoming), duplex: "half" }),
    });
    const response = await handler(request);
    outgoing.writeHead(response.status).end(await response.text());
  };
}

// The Pages Router adds `status` and `send` to the response of Node.
function pagesRoute(handler) {
  return (incoming, outgoing) => {
    outgoing.status = (code) => Object.assign(outgoing, { statusCode: code });
    outgoing.send = (text) => outgoing.end(text);
    return handler(incoming, outgoing);
  };
}
