import { verifySignatureEdge } from "@upstash/qstash/nextjs";
import { echo } from "../../seen.mjs";

export const config = { runtime: "edge" };

export default verifySignatureEdge(echo);
