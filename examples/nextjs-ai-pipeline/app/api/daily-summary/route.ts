// The destination of the schedule: sums up what came in since yesterday.

import { verifySignatureAppRouter } from "@upstash/qstash/nextjs";
import { answer } from "@/lib/deliveries";
import { jobs, summaries } from "@/lib/jobs";
import { summarize } from "@/lib/model";

const DAY_MS = 24 * 60 * 60 * 1000;

export const POST = verifySignatureAppRouter(async () => answer(summarizeDay(new Date())));

async function summarizeDay(now: Date) {
  const since = new Date(now.getTime() - DAY_MS).toISOString();
  const recent = (await jobs.list()).filter((job) => job.createdAt >= since);
  if (recent.length === 0) return null;
  const text = await summarize(recent.map((job) => job.text));
  const createdAt = now.toISOString();
  // One for each day: a second delivery writes it anew.
  return summaries.save({ id: createdAt.slice(0, 10), createdAt, jobCount: recent.length, text });
}
