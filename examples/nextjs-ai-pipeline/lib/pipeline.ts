// The pipeline: analyze, then draft a reply, then mail it a day later. Each is a message of its own;
// the callback of one keeps its result and publishes the next.
//
// Deliveries may come twice. So each message has a deduplication id, and nothing known is asked again.

import { Client, type PublishRequest } from "@upstash/qstash";
import { jobs, type Analysis, type Job } from "@/lib/jobs";
import { appUrl, mail, summaryCron } from "@/lib/settings";

export type Task = { jobId: string; step: "analyze" | "draft-reply" };

const client = new Client();

export async function startPipeline(job: Job): Promise<void> {
  // The delay lets the page show the job before anything has happened to it.
  await publishStep({ jobId: job.id, step: "analyze" }, "1s");
}

/** Keep what a step came to, and publish the next one. */
export async function finishStep({ jobId, step }: Task, result: unknown): Promise<void> {
  const job = await jobs.find(jobId);
  if (!job || job.reply) return;
  if (step === "analyze") {
    await jobs.save({ ...job, analysis: result as Analysis, error: undefined });
    await publishStep({ jobId, step: "draft-reply" });
  } else {
    const reply = result as string;
    const followUpId = await publishFollowUp(job, reply);
    await jobs.save({ ...job, reply, followUpId, error: undefined });
  }
}

export async function failStep({ jobId }: Task, error: string): Promise<void> {
  const job = await jobs.find(jobId);
  if (job) await jobs.save({ ...job, error });
}

/** Safe to call at every start: the schedule of this id is overwritten, not doubled. */
export async function scheduleSummary(): Promise<void> {
  await client.schedules.create({
    scheduleId: "daily-summary",
    destination: `${appUrl}/api/daily-summary`,
    cron: summaryCron,
    retries: 3,
  });
}

async function publishStep(task: Task, delay?: PublishRequest["delay"]): Promise<void> {
  await client.publishJSON({
    url: `${appUrl}/api/steps/${task.step}`,
    body: task,
    delay,
    retries: 4,
    retryDelay: "1000 * pow(2, retried)",
    timeout: "60s",
    // However many jobs there are, the model has four of them at a time.
    flowControl: { key: "model", parallelism: 4 },
    callback: `${appUrl}/api/callbacks/step-done`,
    failureCallback: `${appUrl}/api/callbacks/step-failed`,
    deduplicationId: `${task.jobId}-${task.step}`,
    label: task.step,
  });
}

/** The mail needs no route of ours: the queue calls the provider itself, with our key. */
async function publishFollowUp(job: Job, reply: string): Promise<string> {
  const { messageId } = await client.publishJSON({
    url: `${mail.url}/emails`,
    headers: { Authorization: `Bearer ${mail.key}` },
    redact: { header: ["Authorization"] },
    body: { from: mail.from, to: job.email, subject: "About your feedback", text: reply },
    delay: mail.delay,
    deduplicationId: `${job.id}-follow-up`,
    label: "follow-up",
  });
  return messageId;
}
