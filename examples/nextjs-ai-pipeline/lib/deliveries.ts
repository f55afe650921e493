// How a route answers the queue, and what a callback says.

import { ModelBusy, ModelRefused } from "@/lib/model";
import type { Task } from "@/lib/pipeline";

type Callback = { status: number; body: string; sourceBody: string };

/** Answer with the result of some work: 2xx ends the message, all else is retried, but for 489. */
export async function answer(work: Promise<unknown>): Promise<Response> {
  try {
    return Response.json(await work);
  } catch (error) {
    if (error instanceof ModelBusy) return later(error);
    if (error instanceof ModelRefused) return never(error.message);
    throw error;
  }
}

/** Answer that no retry will help: the message fails at once. */
export function never(reason: string): Response {
  return new Response(reason, { status: 489, headers: { "Upstash-NonRetryable-Error": "true" } });
}

/** What a callback reports: the task it is about, and what our route answered. */
export async function readCallback(request: Request) {
  const { status, body, sourceBody }: Callback = await request.json();
  const task: Task = JSON.parse(decode(sourceBody));
  return { task, succeeded: status >= 200 && status < 300, body: decode(body) };
}

function later(error: ModelBusy): Response {
  const headers = error.retryAfter ? { "Retry-After": error.retryAfter } : undefined;
  return new Response(error.message, { status: 503, headers });
}


function decode(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}
