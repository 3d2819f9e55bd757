import type { KeyRecord } from "../driver.ts";
import type { Minted } from "./execution.ts";
import type { Journal } from "./journal.ts";

/** A credential that carries our name and that no run answers for. */
export interface Orphan {
  readonly record: KeyRecord;
  /** The run whose name it carries; absent for what a rehearsal left. */
  readonly run?: string;
  readonly incident?: string;
}

/** Milliseconds for which a run or rehearsal that ended may still be cleaning up behind itself. */
export const orphanGrace = 3_600_000;

/**
 * Credentials named `rekey-<run>` that a run of this journal made and lost: it has ended, and the one that it gave to the consumers is
 * another. A name that this journal does not know is somebody else's (another Rekey works on the same account) and never touched.
 */
export async function orphansAmong(records: readonly KeyRecord[], journal: Pick<Journal, "get" | "effects" | "now">): Promise<Orphan[]> {
  const now = await journal.now();
  const orphans: Orphan[] = [];
  for (const record of records) {
    if (/^rekey-rehearsal-[0-9a-f]{10}$/.test(record.name ?? "")) {
      const made = Date.parse(record.createdAt ?? "");
      if (now - made > 24 * orphanGrace) orphans.push({ record });
      continue;
    }
    const run = /^rekey-(run-[0-9a-f]{12})$/.exec(record.name ?? "")?.[1];
    const known = run === undefined ? undefined : await journal.get(run);
    if (run === undefined || known === undefined || known.state === "running" || known.state === "held") continue;
    if (known.endedAt === undefined || now - known.endedAt.getTime() < orphanGrace) continue;
    const issued = (await journal.effects(run)).find(({ key }) => key === "issue");
    const inUse = known.state === "done" && (issued?.result as Minted | undefined)?.record.id === record.id;
    if (!inUse) orphans.push({ record, run, incident: known.incident });
  }
  return orphans;
}
