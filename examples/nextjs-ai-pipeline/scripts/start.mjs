// Starts all that the example needs: a queue, stand-ins for the model and for the mail provider, and
// the app (with --dev, it reloads as you edit). Ctrl-C ends all of it.
//
// What the environment names already is used, not started: QSTASH_TOKEN, MODEL_URL, MAIL_URL.
// npm runs this, with the commands of the packages on its path.

import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { mailServer } from "../stand-ins/mail-server.mjs";
import { modelServer } from "../stand-ins/model-server.mjs";

const QUEUE = process.env.RELAYPOST ?? "make --silent --no-print-directory -C ../.. dev";
const CREDENTIALS = /^(#|QSTASH_|$)/;
const isDevelopment = process.argv.includes("--dev");
const environment = {
  MAIL_API_KEY: "the-key-of-the-stand-in",
  NEXT_TELEMETRY_DISABLED: "1",
  ...process.env,
};
const children = [];

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
process.on("SIGINT", () => stop(0));
process.on("SIGTERM", () => stop(0));

if (!existsSync("node_modules")) run("npm ci --loglevel error");
if (!environment.QSTASH_TOKEN) await startQueue();
environment.MODEL_URL ??= `${await listen(modelServer())}/v1`;
environment.MAIL_URL ??= await listen(mailServer(environment.MAIL_API_KEY));
await startApp();

/** relaypost in development mode. QSTASH_DEV makes the SDK look for it, on the port that both read. */
async function startQueue() {
  environment.QSTASH_DEV = "true";
  environment.QSTASH_DEV_PORT = await freePort(environment.QSTASH_DEV_PORT ?? 8080);
  await start("queue", QUEUE, / listens on /);
}

async function startApp() {
  const port = await freePort(environment.PORT ?? 3000);
  environment.APP_URL ??= `http://localhost:${port}`;
  if (!isDevelopment) run("next build");
  const mode = isDevelopment ? "dev" : "start";
  await start("app", `next ${mode} --hostname localhost --port ${port}`, /Ready in/);
  console.log(`\nEverything runs. Open ${environment.APP_URL} (mails: ${environment.MAIL_URL}/emails)\n`);
}

/** Run a command that has to succeed before anything else makes sense. */
function run(command) {
  const { status } = spawnSync(command, { env: environment, shell: true, stdio: "inherit" });
  if (status !== 0) stop(1);
}

/** Start a command that goes on; resolves as soon as a line of its output says that it is ready. */
function start(name, command, ready) {
  // A group of its own, so that what it starts in turn can be ended with it.
  const child = spawn(command, {
    env: environment,
    shell: true,
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  child.on("exit", () => stop(1));
  return new Promise((resolve) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (!CREDENTIALS.test(line)) console.log(`${name} | ${line}`);
      if (ready.test(line)) resolve();
    });
  });
}

function listen(server) {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${server.address().port}`));
  });
}

/** The wanted port, or any other if that one is taken. */
function freePort(wanted) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.on("error", () => probe.listen(0));
    probe.on("listening", () => {
      const { port } = probe.address();
      probe.close(() => resolve(String(port)));
    });
    probe.listen(Number(wanted));
  });
}

function stop(status) {
  for (const child of children) {
    child.removeAllListeners("exit");
    try {
      process.kill(-child.pid, "SIGTERM");
    } catch {
      // It has ended already.
    }
  }
  process.exit(status);
}
