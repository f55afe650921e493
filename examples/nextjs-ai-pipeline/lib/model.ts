// Asks a model. What it answers with an error is sorted into "later" and "never".

import type { Analysis } from "@/lib/jobs";
import { model } from "@/lib/settings";

export class ModelBusy extends Error {
  constructor(readonly retryAfter: string | null) {
    super("The model is busy.");
  }
}

export class ModelRefused extends Error {}

export async function analyze(text: string): Promise<Analysis> {
  const system =
    "Analyze the customer's feedback. Answer with JSON: " +
    '{"sentiment": "positive" | "neutral" | "negative", "topics": string[]}.';
  return JSON.parse(await ask(system, text, { type: "json_object" }));
}

export function draftReply(text: string, { sentiment, topics }: Analysis): Promise<string> {
  const system =
    "Draft a short, friendly reply to the customer's feedback. " +
    `It is ${sentiment} and about: ${topics.join(", ") || "nothing in particular"}.`;
  return ask(system, text);
}

export function summarize(texts: string[]): Promise<string> {
  return ask("Summarize this feedback, one piece a line, in two sentences.", texts.join("\n"));
}

async function ask(system: string, user: string, format?: { type: "json_object" }): Promise<string> {
  const response = await fetch(`${model.url}/chat/completions`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${model.key}` },
    body: JSON.stringify({
      model: model.name,
      messages: [
        { role: "system", content: system },
        { role: "user", content: user },
      ],
      response_format: format,
    }),
  });
  if (response.status === 429 || response.status >= 500) {
    throw new ModelBusy(response.headers.get("Retry-After"));
  }
  const answer = await response.json();
  if (!response.ok) throw new ModelRefused(answer.error?.message);
  return answer.choices[0].message.content;
}
