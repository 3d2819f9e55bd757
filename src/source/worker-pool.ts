import { getCompileCacheDir } from "node:module";
import { availableParallelism } from "node:os";
import { dirname } from "node:path";
import { Worker } from "node:worker_threads";
import type { Ruleset } from "../detector/compile.ts";
import type { RegexEngine } from "../detector/regex.ts";
import type { DetectorFile } from "../detector/schema.ts";
import type { SearchedPack } from "./packs.ts";

export interface WorkerSetup {
  readonly files: readonly DetectorFile[];
  readonly engine: RegexEngine["name"];
  /** Where the process keeps compiled modules; undefined where it does not. */
  readonly compileCache: string | undefined;
}

export type Task = { readonly number: number } & (
  | { readonly kind: "pack"; readonly packs: readonly SearchedPack[] }
  | { readonly kind: "files"; readonly root: string; readonly prefix: string; readonly paths: readonly string[] }
);

export interface Answer {
  readonly number: number;
  /** Of each file that is clean its size in bytes, of any other -1. */
  readonly sizes: Float64Array;
}

interface Waiting {
  resolve(sizes: Float64Array): void;
  reject(error: unknown): void;
}

/** Threads that look for what is clean under a ruleset. Close it: threads keep a process alive. */
export class WorkerPool {
  readonly size: number;
  readonly #workers: readonly Worker[];
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #failure: Error | undefined;

  constructor({ files, engine }: Ruleset, size = Math.min(availableParallelism(), mostWorkers)) {
    this.size = size;
    const script = new URL("./scan-worker-start.js", import.meta.url);
    const compiled = getCompileCacheDir(); // a folder of this version of Node in the one that was asked for
    const setup: WorkerSetup = { files, engine, compileCache: compiled === undefined ? undefined : dirname(compiled) };
    this.#workers = Array.from({ length: size }, () => {
      // what a blob needs is garbage at once: with V8's own limit a thread takes 80 MB more, and is slower
      const worker = new Worker(script, { workerData: setup, resourceLimits: { maxYoungGenerationSizeMb: 4 } });
      worker.on("message", ({ number, sizes }: Answer) => this.#take(number)?.resolve(sizes));
      worker.on("error", (error) => this.#fail(error instanceof Error ? error : new Error("a scan worker failed", { cause: error })));
      worker.on("exit", (code) => this.#fail(new Error(`a scan worker ended with ${code}`)));
      worker.unref();
      return worker;
    });
  }

  /** Searches packs with every worker; the verdicts are in their shared memory then. */
  async search(packs: readonly SearchedPack[]): Promise<void> {
    await Promise.all(this.#workers.map((worker) => this.#ask(worker, { kind: "pack", packs })));
  }

  /** The sizes of those of these files that are clean, -1 for the others. */
  clear(root: string, prefix: string, paths: readonly string[]): Promise<Float64Array> {
    const worker = this.#workers[this.#next % this.size] as Worker;
    return this.#ask(worker, { kind: "files", root, prefix, paths });
  }

  async close(): Promise<void> {
    for (const worker of this.#workers) worker.removeAllListeners("exit");
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #ask(worker: Worker, task: DistributiveOmit<Task, "number">): Promise<Float64Array> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const number = this.#next++;
    worker.ref();
    worker.postMessage({ ...task, number } satisfies Task);
    return new Promise((resolve, reject) => this.#waiting.set(number, { resolve, reject }));
  }

  #take(number: number): Waiting | undefined {
    const waiting = this.#waiting.get(number);
    this.#waiting.delete(number);
    if (this.#waiting.size === 0) for (const worker of this.#workers) worker.unref();
    return waiting;
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** More hardly helps: one thread walks the tree and reads the log. */
const mostWorkers = 8;
