import { enableCompileCache } from "node:module";
import { workerData } from "node:worker_threads";

/* Plain JavaScript: a thread does not know of the kept forms of modules that the process has, and would strip and compile each again. */
if (workerData.compileCache !== undefined) enableCompileCache(workerData.compileCache);
await import("./scan-worker.ts");
