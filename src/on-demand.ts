import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** Packages that most scans have no use for, loaded when they are first asked for: loading them takes longer than the scan of a hook. */
export const onDemand = {
  yaml: () => require("yaml") as typeof import("yaml"),
  zod: () => require("zod") as typeof import("zod"),
};
