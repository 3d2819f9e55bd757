import type { Journal } from "../../src/rotation/journal.ts";

export class Crash extends Error {}

/** Dies at the n-th write to the journal, before or after it; from then on nothing works in this "process". */
export function dying(
  journal: Journal,
  at: number,
  when: "before" | "after",
  observe: () => Promise<void> = async () => undefined,
): { journal: Journal; writes: () => number } {
  let writes = 0;
  let dead = false;
  const guarded =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (dead) throw new Crash();
      writes++;
      await observe();
      if (writes === at && when === "before") {
        dead = true;
        throw new Crash();
      }
      const result = await call(...args);
      if (writes === at) {
        dead = true;
        throw new Crash();
      }
      return result;
    };
  const wrapped: Journal = {
    ...journal,
    intend: guarded(journal.intend),
    send: guarded(journal.send),
    settle: guarded(journal.settle),
    finish: guarded(journal.finish),
  };
  return { journal: wrapped, writes: () => writes };
}
