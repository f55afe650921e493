// A job is one piece of feedback, and what the pipeline has found out about it so far.

import { randomUUID } from "node:crypto";
import { Records } from "@/lib/records";

export type Analysis = {
  sentiment: "positive" | "neutral" | "negative";
  topics: string[];
};

export type Job = {
  id: string;
  createdAt: string;
  email: string;
  text: string;
  analysis?: Analysis;
  reply?: string;
  /** The message that will send the reply. */
  followUpId?: string;
  error?: string;
};

export type State = "queued" | "analyzed" | "done" | "failed";

export type Summary = {
  id: string;
  createdAt: string;
  jobCount: number;
  text: string;
};

export const jobs = new Records<Job>("jobs");
export const summaries = new Records<Summary>("summaries");

export function createJob(text: string, email: string): Promise<Job> {
  return jobs.save({ id: randomUUID(), createdAt: new Date().toISOString(), email, text });
}

/** Follows from what is known, so that a delivery that comes twice can't turn it back. */
export function stateOf(job: Job): State {
  if (job.error) return "failed";
  if (job.reply) return "done";
  return job.analysis ? "analyzed" : "queued";
}
