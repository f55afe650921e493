import { verifySignature } from "@upstash/qstash/nextjs";

// The helper reads the raw body by itself.
export const config = { api: { bodyParser: false } };

export default verifySignature((request, response) => {
  response.status(200).json({
    body: request.body,
    contentType: request.headers["content-type"] ?? null,
    method: request.method,
  });
});
