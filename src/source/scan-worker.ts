import { parentPort, workerData } from "node:worker_threads";
import { compileDetectors } from "../detector/compile.ts";
import { lazily, loadRegexEngine } from "../detector/regex.ts";
import type { Document } from "../document.ts";
import { scan } from "../scan/scan.ts";
import { scopeSalt } from "../secret.ts";
import { searchPack } from "./packs.ts";
import { isClean } from "./scanner.ts";
import { clearFile } from "./tree.ts";
import type { Answer, Task, WorkerSetup } from "./worker-pool.ts";

/**
 * A worker only says what is clean; whatever is not is scanned again by the thread that asked, so no value, key or finding ever goes
 * from one to the other, and the order of the findings is that of one thread.
 */
const { files, engine } = workerData as WorkerSetup;
const ruleset = await compileDetectors(files, lazily(await loadRegexEngine(engine)));
const keyring = { tenant: [], salts: [scopeSalt("worker")] };
const clean = (document: Document) => isClean(document, (one) => scan(one, ruleset, keyring));

parentPort?.on("message", (task: Task) => {
  const answer: Answer =
    task.kind === "pack"
      ? { number: task.number, sizes: searched(task.packs) }
      : { number: task.number, sizes: Float64Array.from(task.paths, (path) => clearFile(task.root, path, task.prefix, clean)) };
  parentPort?.postMessage(answer);
});

function searched(packs: Extract<Task, { kind: "pack" }>["packs"]): Float64Array {
  for (const pack of packs) searchPack(pack, (bytes) => clean({ bytes, origin: { kind: "file" } }));
  return new Float64Array();
}
