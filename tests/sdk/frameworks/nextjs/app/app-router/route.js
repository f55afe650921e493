import { verifySignatureAppRouter } from "@upstash/qstash/nextjs";
import { echo } from "../../seen.mjs";

const handler = verifySignatureAppRouter(echo);

export { handler as GET, handler as POST, handler as PUT };
