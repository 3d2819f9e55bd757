import { createHash, randomBytes } from "node:crypto";
import { sql } from "kysely";
import { loadPlaybooks } from "../../src/config/playbooks.ts";
import type { Driver, DriverContext, Sink } from "../../src/driver.ts";
import type { IncidentEvent } from "../../src/incident/event.ts";
import { silentLog } from "../../src/log.ts";
import { makePlan, type Plan, type PlanFacts } from "../../src/playbook/plan.ts";
import { openrouter } from "../../src/provider/openrouter.ts";
import type { Receipt, RotationDeps } from "../../src/rotation/deps.ts";
import { FencedError, type Journal } from "../../src/rotation/journal.ts";
import { Secret } from "../../src/secret.ts";
import type { Database } from "../../src/store/database.ts";
import { sqlJournal } from "../../src/store/journal.ts";

export const place = { connection: "store", sink: "memory", path: "secret/agents/triage", field: "KEY" };

export interface Rig {
  readonly deps: RotationDeps;
  readonly events: IncidentEvent[];
  readonly receipts: Receipt[];
}

/** The engine with real journal, driver and sink; only recovery and the consumer are the test's own. */
export function rig(of: {
  database: Database;
  provider?: { url: string; managementKey: string };
  /** Instead of OpenRouter at `provider`. */
  driver?: Driver;
  /** Where `driver` works. */
  at?: DriverContext;
  sink: Sink;
  store: DriverContext;
  leaked: string;
  wrap?: (journal: Journal) => Journal;
  sleep?: (milliseconds: number) => Promise<void>;
  reports?: RotationDeps["reports"];
}): Rig {
  const events: IncidentEvent[] = [];
  const receipts: Receipt[] = [];
  const journal: Journal = sqlJournal(of.database.db, (message) => new FencedError(message));
  const deps: RotationDeps = {
    journal: of.wrap?.(journal) ?? journal,
    log: silentLog,
    driver: () => of.driver ?? openrouter,
    context: async () =>
      of.at ?? {
        host: of.provider?.url ?? "memory",
        timeout: 2000,
        ...(of.provider === undefined ? {} : { credential: Secret.from(of.provider.managementKey) }),
      },
    sink: async () => ({ sink: of.sink, context: of.store }),
    fingerprint: (secret) => `fp1:test:${createHash("sha256").update(secret.reveal()).digest("base64url")}`,
    seenAlive: async () => true,
    recover: async () => Secret.from(of.leaked),
    reports: of.reports ?? (async (_consumer, sink) => [{ version: (await of.sink.read(of.store, sink))?.version ?? "", at: Date.now() }]),
    emit: async (_incident, emitted) => {
      events.push(...emitted);
    },
    receipt: async (_incident, _run, receipt) => {
      receipts.push(receipt);
    },
    sleep: of.sleep ?? (() => new Promise((resolve) => setTimeout(resolve, 5))),
    lease: { ttl: 10_000, call: 0 },
  };
  return { deps, events, receipts };
}

/** A plan of a built-in playbook, OpenRouter's unless named, for the credential with this id. */
export function planOf(hash: string, change: Partial<PlanFacts> = {}, name = "openrouter-key", driver: Driver = openrouter): Plan {
  const playbook = loadPlaybooks().find((one) => one.name === name);
  if (playbook === undefined) throw new Error("the built-in playbook is gone");
  return makePlan(playbook, driver.manifest, {
    incident: `RK-${randomBytes(3).toString("hex").toUpperCase()}`,
    credential: {
      fingerprint: `fp1:test:${randomBytes(16).toString("base64url")}`,
      detector: "openrouter-api-key",
      title: "OpenRouter API key",
    },
    attributes: {},
    identity: { id: "agent:test", kind: "agent", name: "triage", owner: "@mara", environment: "staging" },
    sinks: [place],
    consumers: [{ name: "triage", report: "version" }],
    mode: "graceful",
    connection: "openrouter",
    named: { id: hash, grade: "confirmed" },
    timeouts: { consumers: 5000, soak: 10 },
    ...change,
  });
}

/** What the clock does to the lease of a worker that died. */
export async function expireLease(database: Database, run: string): Promise<void> {
  await sql`update rotation_run set lease_until = clock_timestamp() - interval '1 minute' where id = ${run}`.execute(database.db);
}
