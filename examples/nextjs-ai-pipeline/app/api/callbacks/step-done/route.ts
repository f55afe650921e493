// Called after every attempt of a step, so that one which failed and will be retried is reported too.

import { verifySignatureAppRouter } from "@upstash/qstash/nextjs";
import { readCallback } from "@/lib/deliveries";
import { finishStep } from "@/lib/pipeline";

export const POST = verifySignatureAppRouter(async (request: Request) => {
  const { task, succeeded, body } = await readCallback(request);
  if (succeeded) await finishStep(task, JSON.parse(body));
  return new Response();
});
