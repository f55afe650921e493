// Its packages are those of the example on Next.js: the root has to hold both.

import { fileURLToPath } from "node:url";

export default {
  turbopack: { root: fileURLToPath(new URL("../../../..", import.meta.url)) },
};
