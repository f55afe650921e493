// Stands in for a provider of e-mail: takes `POST /emails`, and shows at `GET /emails` what it took.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";

export function mailServer(key) {
  const emails = [];
  return createServer(async (request, response) => {
    const send = (status, body) =>
      response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));

    if (request.url !== "/emails") return send(404, { message: "There is no such route." });
    if (request.method === "GET") return send(200, emails);
    if (request.headers.authorization !== `Bearer ${key}`) {
      return send(401, { message: "The API key is wrong." });
    }
    const email = { id: randomUUID(), ...JSON.parse(await text(request)) };
    emails.push(email);
    console.log(`mail to ${email.to}: ${email.subject}`);
    send(200, { id: email.id });
  });
}
