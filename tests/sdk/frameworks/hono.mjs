// Hono has no helper for signatures: a middleware around `Receiver`, as its users write it.

import { serve } from "@hono/node-server";
import { Receiver } from "@upstash/qstash";
import { Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { HTTPException } from "hono/http-exception";

const receiver = new Receiver({
  currentSigningKey: process.env.QSTASH_CURRENT_SIGNING_KEY,
  nextSigningKey: process.env.QSTASH_NEXT_SIGNING_KEY,
});

const signed = createMiddleware(async (context, next) => {
  const signature = context.req.header("Upstash-Signature") ?? "";
  const body = await context.req.text();
  await receiver.verify({ signature, body, url: context.req.url }).catch((cause) => {
    throw new HTTPException(401, { message: "not signed by the queue", cause });
  });
  await next();
});

const app = new Hono();
app.use("/receive", signed);
app.all("/receive", async (context) =>
  context.json({
    body: await context.req.text(),
    contentType: context.req.header("content-type") ?? null,
    method: context.req.method,
  }),
);

serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => {
  console.log(`ready on http://127.0.0.1:${port}/`);
});
