import { verifySignatureAppRouter } from "@upstash/qstash/nextjs";
import { answer, never } from "@/lib/deliveries";
import { jobs } from "@/lib/jobs";
import { analyze } from "@/lib/model";
import type { Task } from "@/lib/pipeline";

export const POST = verifySignatureAppRouter(async (request: Request) => {
  const { jobId }: Task = await request.json();
  const job = await jobs.find(jobId);
  if (!job) return never("There is no such job.");
  return answer(analyze(job.text));
});
