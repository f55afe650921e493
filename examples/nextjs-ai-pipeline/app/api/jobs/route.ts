// Takes feedback in, and starts the pipeline for it.

import { createJob, jobs, stateOf, type Job } from "@/lib/jobs";
import { startPipeline } from "@/lib/pipeline";

const MAX_LENGTH = 2000;

export async function GET() {
  return Response.json((await jobs.list()).map(shown));
}

export async function POST(request: Request) {
  const { text, email } = await request.json();
  if (typeof text !== "string" || !text.trim() || text.length > MAX_LENGTH) {
    return refuse(`Feedback has 1 to ${MAX_LENGTH} characters.`);
  }
  if (typeof email !== "string" || !email.includes("@")) {
    return refuse("An e-mail address has an @.");
  }
  const job = await createJob(text.trim(), email);
  try {
    await startPipeline(job);
  } catch (error) {
    console.error(error);
    const failed = await jobs.save({ ...job, error: "The queue took no message." });
    return Response.json(shown(failed), { status: 503 });
  }
  return Response.json(shown(job), { status: 202 });
}

function shown(job: Job) {
  return { ...job, state: stateOf(job) };
}

function refuse(error: string) {
  return Response.json({ error }, { status: 400 });
}
