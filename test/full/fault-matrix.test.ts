import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { FencedError } from "../../src/rotation/journal.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { sqlJournal } from "../../src/store/journal.ts";
import { byHand, type Case, cases, disturb, faultText, points } from "../rotation/matrix.ts";
import { expireLease } from "../rotation/rig.ts";
import { type JournalUnderTest, kinds } from "../rotation/simulation.ts";
import { startPostgres } from "../servers/postgres.ts";

/** The whole product, and docs/fault-matrix.md of it. */
interface Row {
  readonly one: Case;
  readonly calls: number;
  readonly writes: number;
  readonly runs: Record<string, number>;
  readonly ends: Record<string, number>;
}

const rows: Row[] = [];
const people: string[] = [];
const folder = mkdtempSync(join(tmpdir(), "rekey-matrix-"));
const journals = ["memory", "embedded", "postgresql"] as const;

const onSql =
  (database: Database): JournalUnderTest =>
  (clock) => ({
    journal: { ...sqlJournal(database.db, (message) => new FencedError(message)), now: async () => clock.now },
    expire: (run) => expireLease(database, run),
  });

for (const one of cases()) {
  const blockers = byHand(one);
  if (blockers.length > 0) people.push(`${one.playbook.name} (${one.mode}): ${blockers.join("; ")}`);
  else rows.push({ one, calls: 0, writes: 0, runs: {}, ends: {} });
}

test.each(journals)("every fault at every point of every built-in playbook, the journal on %s", async (kind) => {
  const postgres = kind === "postgresql" ? await startPostgres() : undefined;
  const database =
    kind === "memory" ? undefined : await openDatabase(postgres === undefined ? { dataDir: join(folder, "db") } : { url: postgres.url });
  const wrong: string[] = [];
  for (const [index, row] of rows.entries()) {
    for (const fault of await points(row.one)) {
      // what a worker's death and a missing answer do to the database; the rest differs in nothing that it sees
      if (database !== undefined && fault.kind !== "crash" && fault.kind !== "timeout") continue;
      const verdict = await disturb(row.one, [fault], database === undefined ? undefined : onSql(database));
      row.runs[kind] = (row.runs[kind] ?? 0) + 1;
      row.ends[verdict.end] = (row.ends[verdict.end] ?? 0) + 1;
      const most = fault.in === "call" ? "calls" : "writes";
      rows[index] = { ...row, ...rows[index], [most]: Math.max(rows[index]?.[most] ?? 0, fault.at) } as Row;
      if (verdict.wrong.length > 0)
        wrong.push(`${row.one.playbook.name}, ${row.one.mode}, ${faultText(fault)}: ${verdict.wrong.join("; ")}`);
    }
  }
  await database?.close();
  await postgres?.stop();
  expect(wrong).toEqual([]);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  writeFileSync(fileURLToPath(new URL("../../docs/fault-matrix.md", import.meta.url)), page());
});

function page(): string {
  const cells = rows.map(({ one, calls, writes, runs, ends }) =>
    [
      one.playbook.name,
      one.mode,
      String(calls),
      String(writes),
      ...journals.map((kind) => String(runs[kind] ?? 0)),
      Object.entries(ends)
        .map(([end, count]) => `${count} ${end}`)
        .join(", "),
    ].join(" | "),
  );
  return `# Fault matrix

Written by \`./rekey test --full\`. Every built-in playbook runs against a provider that behaves as its driver's manifest says, with a consumer
that calls all the time. At each outside call and each write of the journal, before and after it takes effect, one fault strikes:
${kinds.join(", ")} (a crash or a hang at the journal; on the two databases a crash and a timeout alone). Other workers then take the run up until it stops.

At the end there is one live new credential, the journal knows it and the consumer reads it; the leaked one is dead; no credential of
somebody else was touched, no staged value is left, no value stands in the journal, and the consumer was never refused. A run that is
held says why, and both its credentials are as they were.

| playbook | mode | outside calls | journal writes | ${journals.map((kind) => `runs, ${kind}`).join(" | ")} | ended |
|---|---|---|---|---|---|---|---|
${cells.map((row) => `| ${row} |`).join("\n")}
${people.length === 0 ? "" : `\nThese do not run by themselves:\n\n${people.map((text) => `- ${text}`).join("\n")}\n`}
The same on real parts: \`test/rotation/kill.test.ts\` kills a process (\`kill -9\`) at the boundaries of the steps, with OpenBao and both
databases; \`test/rotation/pause.test.ts\` stops one (SIGSTOP) between intent and send and lets another take over.
`;
}
