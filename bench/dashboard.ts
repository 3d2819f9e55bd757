/**
 * `node bench/dashboard.ts [incidents] [--postgres] [--places 20]`: how long each page takes with that many incidents (50,000 unless given) and
 * so many places of each, on the embedded database or on a real PostgreSQL. The first request fills the index; the others are what a person
 * waits for, one incident changing before each of them.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { sql } from "kysely";
import type { IncidentEvent } from "../src/incident/event.ts";
import { fold, type Incident } from "../src/incident/fold.ts";
import { type Database, openDatabase } from "../src/store/database.ts";
import { appendEvents } from "../src/store/events.ts";
import { storeReaders } from "../src/store/readers.ts";
import { createWeb } from "../src/web/app.ts";
import { startPostgres } from "../test/servers/postgres.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { postgres: { type: "boolean" }, places: { type: "string" } },
});
const count = Number(positionals[0] ?? 50_000);
const places = Number(values.places ?? 1);
const pages = ["/", "/incidents", "/incidents?state=open&sort=oldest", "/incidents.csv", "/identities", "/repositories", "/audit"];
const rounds = 20;
const repositories = 2000;

const folder = mkdtempSync(join(tmpdir(), "rekey-bench-"));
const server = values.postgres === true ? await startPostgres() : undefined;
const database = await openDatabase(server === undefined ? { dataDir: folder } : { url: server.url });
try {
  await fill(database);
  const app = createWeb({ readers: storeReaders(database.db) });
  const first = await timed(async () => void (await app.request("/")).status);
  console.log(
    `${count} incidents at ${count * places} places, ${server === undefined ? "embedded database" : "PostgreSQL"}; the first page after a start: ${first.toFixed(0)} ms`,
  );
  for (const page of pages) {
    const times: number[] = [];
    const processor: number[] = [];
    for (let round = 0; round < rounds; round++) {
      await touch(database, round);
      const before = process.cpuUsage();
      times.push(await timed(async () => void (await (await app.request(page)).text())));
      const { user, system } = process.cpuUsage(before);
      processor.push((user + system) / 1000);
    }
    const at = (list: readonly number[], share: number) =>
      (list.toSorted((a, b) => a - b)[Math.ceil(share * rounds) - 1] ?? 0).toFixed(0).padStart(5);
    console.log(`${page.padEnd(36)} p50 ${at(times, 0.5)} ms, p95 ${at(times, 0.95)} ms; of processor time p50 ${at(processor, 0.5)} ms`);
  }
  console.log(`peak memory ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB${server === undefined ? ", the database in it" : ""}`);
} finally {
  await database.close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function fill({ db }: Database): Promise<void> {
  for (let at = 0; at < count; at += 500) {
    const incidents = Array.from({ length: Math.min(500, count - at) }, (_, index) => made(at + index));
    await db.insertInto("incident").values(incidents.map(row)).execute();
  }
  await sql`insert into occurrence (incident_id, place, finding_id, repository, path, authors, location, locator, finding, exposed_at)
    select id, 'place-' || number, 'F-' || number, 'acme/repository-' || ((abs(hashtext(id)) + number * 97) % ${sql.lit(repositories)}), 'src/file-' || number || '.env',
      '[]', '{"kind":"file","startLine":1}', '{}', '{}', now() from incident, generate_series(1, ${sql.lit(places)}) number`.execute(db);
  await sql`vacuum analyze incident`.execute(db);
  await sql`vacuum analyze occurrence`.execute(db);
}

/** Every fifth is open; over a year, 2,000 repositories and 800 identities; most of the rest died within days. */
function made(number: number): Incident {
  const id = `RK-${number.toString().padStart(5, "0")}`;
  const detected = Date.now() - ((number * 7919) % 365) * 86_400_000 - (number % 1000) * 60_000;
  const iso = (ms: number) => new Date(ms).toISOString();
  const events: [number, IncidentEvent][] = [
    [
      detected,
      {
        type: "opened",
        credential: {
          fingerprint: `fp1:bench:${randomBytes(16).toString("base64url")}`,
          detector: `type-${number % 40}`,
          title: "API key",
        },
        severity: (["critical", "high", "medium", "low"] as const)[number % 4] ?? "low",
        exposedAt: iso(detected - 5000),
        preExisting: number % 3 === 0,
        repository: `acme/repository-${number % repositories}`,
      },
    ],
    [
      detected,
      {
        type: "identity-linked",
        identity: `agent:${number % 800}`,
        kind: "agent",
        name: `agent-${number % 800}`,
        owner: `@team-${number % 60}`,
        grade: "strong",
      },
    ],
  ];
  if (number % 5 !== 0)
    events.push([detected + (number % 200) * 1_800_000, { type: "dead", proof: "probe", receipts: 3, whenFound: false }]);
  return fold(events.map(([at, event], index) => ({ stream: id, seq: index + 1, at: iso(at), event })));
}

function row(incident: Incident) {
  const { id, credential, severity, state, validity, owner, repository, preExisting, clock, seq } = incident;
  return {
    id,
    tenant: "bench",
    credential: credential.fingerprint,
    fingerprint: credential.fingerprint,
    detector: credential.detector,
    title: credential.title,
    severity,
    state,
    validity,
    owner: owner ?? null,
    repository: repository ?? null,
    pre_existing: preExisting,
    exposed_at: clock.exposed,
    detected_at: clock.detected,
    dead_at: clock.dead ?? null,
    closed_at: clock.closed ?? null,
    seq,
    body: JSON.stringify(incident),
  };
}

/** Somebody works: one incident changes between two looks, as the product changes it: an event and its row in one transaction. */
async function touch({ db }: Database, round: number): Promise<void> {
  const id = `RK-${round.toString().padStart(5, "0")}`;
  await db.transaction().execute(async (trx) => {
    await appendEvents(trx, id, [{ type: "acknowledged", by: "mara" }]);
    await trx
      .updateTable("incident")
      .set(({ eb }) => ({ seq: eb("seq", "+", 1), body: sql`jsonb_set(body, '{seq}', to_jsonb(seq + 1))` }))
      .where("id", "=", id)
      .execute();
  });
}
