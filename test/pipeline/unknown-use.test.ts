import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadPlaybooks } from "../../src/config/playbooks.ts";
import { parseServerConfig } from "../../src/config/server.ts";
import type { Finding } from "../../src/finding.ts";
import { declaredId, parseIdentitiesFile } from "../../src/identity/declared.ts";
import { silentLog } from "../../src/log.ts";
import type { Rekey } from "../../src/pipeline/context.ts";
import { planFor } from "../../src/pipeline/planning.ts";
import { litellm } from "../../src/provider/litellm.ts";
import { Secret } from "../../src/secret.ts";
import { vault } from "../../src/secret-manager/vault.ts";
import { type LiteLlm, startLiteLlm } from "../../src/stand-in/litellm.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { getIncident, openOrAddOccurrence } from "../../src/store/incidents.ts";
import { finding } from "../store/findings.ts";

const folder = mkdtempSync(join(tmpdir(), "rekey-use-"));
let database: Database;
let server: LiteLlm;
beforeAll(async () => {
  database = await openDatabase({ dataDir: join(folder, "db") });
  server = await startLiteLlm();
});
afterAll(async () => {
  await server.stop();
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

const declared = parseIdentitiesFile(
  `version: 1
identities:
  - kind: agent
    name: triage
    owner: '@mara'
    credentials:
      - detector: litellm-virtual-key
        stored_in: [ { connection: store, path: secret/agents/triage, field: KEY } ]
        consumers: [ { name: triage, report: version, seen_as: [10.0.0.5] } ]
`,
  ".rekey/identities.yml",
);

/** A leaked key, used from these addresses since, and the plan that was made for it. */
async function planned(addresses: readonly string[]) {
  const key = server.createKey("agent");
  const exposedAt = new Date(Date.now() - 3_600_000).toISOString();
  for (const address of addresses) server.used(key.id, new Date(Date.now() - 60_000).toISOString(), address);
  const id = declaredId({ kind: "agent", name: "triage" }, "github.com/acme/agents", ".rekey/identities.yml");
  const links: Finding["identities"] = [
    { id, kind: "agent", name: "triage", relation: "authenticates_as", grade: "confirmed", owner: "@mara" },
  ];
  const seen = {
    finding: finding({ detector: "litellm-virtual-key", severity: "medium", identities: links }),
    exposedAt,
    preExisting: false,
  };
  const { incident } = await database.db.transaction().execute((trx) => openOrAddOccurrence(trx, seen));
  const config = parseServerConfig(
    `connections:\n  proxy: { type: litellm, host: "${server.url}", credential: env:A }\n  store: { type: vault, host: "http://127.0.0.1:1", credential: env:B }\n`,
    "rekey.yml",
  );
  const rekey = {
    config,
    database,
    // by its record, as the vendor named it: where the value is read again from is another test
    drivers: [{ ...litellm, match: undefined, manifest: { ...litellm.manifest, class: "m-disable" } }],
    playbooks: loadPlaybooks(),
    sinkFor: (type: string) => (type === "vault" ? vault : undefined),
    credential: () => Secret.from(server.masterKey.reveal()),
    log: silentLog,
  } as unknown as Rekey;
  await made(incident.credential.fingerprint, key.id);
  const plan = await planFor(rekey, incident.id, declared);
  return { plan, incident: await getIncident(database.db, incident.id), again: () => planFor(rekey, incident.id, declared) };
}

/** A finished run that made the key, so that its journal names it. */
async function made(fingerprint: string, record: string): Promise<void> {
  const { sqlJournal } = await import("../../src/store/journal.ts");
  const journal = sqlJournal(database.db, (message) => new Error(message));
  const run = `run-${record.slice(0, 12)}`;
  const plan = { driver: "litellm/virtual-key", facts: { connection: "proxy" }, steps: [] };
  await journal.create({ id: run, incident: "RK-BEFORE", credential: run, plan: plan as never, breakGlass: false }, undefined);
  const lease = await journal.claim(run, { ttl: 10_000, grace: 0 });
  if (lease === undefined) throw new Error("expected a lease");
  await journal.intend(lease, { key: "issue", destroy: false });
  await journal.settle(lease, "issue", "confirmed", {
    record: { id: record, state: "active", attributes: {} },
    companions: {},
    fingerprint,
  });
}

test("known consumers only: the severity stays, and the rotation stays graceful", async () => {
  const { plan, incident } = await planned(["10.0.0.5"]);
  expect(plan?.facts.usage).toEqual({
    answer: "known-consumers-only",
    sentence: "The vendor's complete record shows known consumers only.",
  });
  expect([plan?.facts.mode, incident?.severity, incident?.unknownUse]).toEqual(["graceful", "medium", undefined]);
});

test("unknown use: the incident is critical, and the plan contains first", async () => {
  const { plan, incident, again } = await planned(["10.0.0.5", "203.0.113.9"]);
  expect(plan?.facts.usage?.answer).toBe("unknown-use");
  expect(plan?.facts.usage?.sentence).toContain("203.0.113.9");
  expect([plan?.facts.mode, incident?.severity, incident?.unknownUse]).toEqual(["contain-first", "critical", true]);
  expect(plan?.steps[1]?.uses).toBe("litellm/disable@1");
  await again();
  const after = await getIncident(database.db, incident?.id ?? "");
  expect(after?.seq, "said once").toBe(incident?.seq);
});
