// Everything that differs between a laptop and production. The clients of QStash read their own
// variables (QSTASH_URL, QSTASH_TOKEN, the signing keys, or QSTASH_DEV) by themselves.

import type { PublishRequest } from "@upstash/qstash";

/** Where this app can be reached by the queue. */
export const appUrl = process.env.APP_URL ?? "http://localhost:3000";

/** Any server that speaks OpenAI's API. */
export const model = {
  url: process.env.MODEL_URL ?? "http://localhost:4010/v1",
  key: process.env.MODEL_API_KEY ?? "none",
  name: process.env.MODEL_NAME ?? "stand-in",
};

/** Any provider that sends a mail for each `POST {url}/emails`. */
export const mail = {
  url: process.env.MAIL_URL ?? "http://localhost:4020",
  key: process.env.MAIL_API_KEY ?? "",
  from: process.env.MAIL_FROM ?? "Feedback desk <desk@example.com>",
  delay: (process.env.FOLLOW_UP_DELAY ?? "1d") as PublishRequest["delay"],
};

/** Each morning at eight, in Berlin, through winter and summer. */
export const summaryCron = process.env.SUMMARY_CRON ?? "CRON_TZ=Europe/Berlin 0 8 * * *";

/** Where jobs and summaries are kept. */
export const dataFolder = process.env.DATA_FOLDER ?? "data";
