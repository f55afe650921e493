import { json } from "@sveltejs/kit";
import { verifySignatureSvelte } from "@upstash/qstash/svelte";
import { env } from "$env/dynamic/private";

const keys = {
  currentSigningKey: env.QSTASH_CURRENT_SIGNING_KEY,
  nextSigningKey: env.QSTASH_NEXT_SIGNING_KEY,
};

const handler = verifySignatureSvelte(
  async ({ request }) =>
    json({
      body: await request.text(),
      contentType: request.headers.get("content-type"),
      method: request.method,
    }),
  keys,
);

export { handler as GET, handler as POST, handler as PUT };
