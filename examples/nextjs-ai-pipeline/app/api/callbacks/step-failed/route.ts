// Called once, when a step has failed for good.

import { verifySignatureAppRouter } from "@upstash/qstash/nextjs";
import { readCallback } from "@/lib/deliveries";
import { failStep } from "@/lib/pipeline";

export const POST = verifySignatureAppRouter(async (request: Request) => {
  const { task, body } = await readCallback(request);
  await failStep(task, body || "The step failed.");
  return new Response();
});
