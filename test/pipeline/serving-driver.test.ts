import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadRuleset } from "../../src/config/detectors.ts";
import { loadPlaybooks } from "../../src/config/playbooks.ts";
import { parseServerConfig } from "../../src/config/server.ts";
import { newSshKey, publicHalfOf } from "../../src/connection/ssh.ts";
import { silentLog } from "../../src/log.ts";
import type { Rekey } from "../../src/pipeline/context.ts";
import { planFor } from "../../src/pipeline/planning.ts";
import { drivers } from "../../src/provider/index.ts";
import { fingerprint, fingerprintKey, Secret } from "../../src/secret.ts";
import { createMemorySink, type MemorySink } from "../../src/secret-manager/memory.ts";
import { type SshServer, startSsh } from "../../src/stand-in/ssh.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { openOrAddOccurrence } from "../../src/store/incidents.ts";
import { finding } from "../store/findings.ts";

const folder = mkdtempSync(join(tmpdir(), "rekey-serving-"));
const files = new Map<string, Buffer>();
const own = await newSshKey("rekey");
let database: Database;
let server: SshServer;
let sink: MemorySink;
beforeAll(async () => {
  database = await openDatabase({ dataDir: join(folder, "db") });
  server = await startSsh({ files, admit: () => ({}) });
  sink = createMemorySink();
});
afterAll(async () => {
  await Promise.allSettled([database.close(), server.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

const keys = [fingerprintKey(Buffer.alloc(32, 7))];

async function planOfLeaked(value: string) {
  const host = `ssh://deploy@127.0.0.1:${server.port}?hostkey=${encodeURIComponent(server.hostKey)}`;
  const rekey = {
    config: parseServerConfig(
      `connections:\n  build: { type: ssh, host: "${host}", credential: env:KEY }\n  store: { type: memory, host: memory }\nquarantine: { connection: store }\n`,
      "rekey.yml",
    ),
    database,
    drivers,
    ruleset: await loadRuleset(),
    playbooks: loadPlaybooks(),
    fingerprintKeys: keys,
    sinkFor: (type: string) => (type === "memory" ? sink : undefined),
    credential: () => Secret.from(own),
    log: silentLog,
  } as unknown as Rekey;
  const leaked = Secret.from(value);
  const found = finding({ detector: "private-key", title: "Private key", fingerprint: fingerprint(leaked, { tenant: keys, salts: [] }) });
  const seen = { finding: found, exposedAt: "2026-11-25T00:00:00Z", preExisting: false };
  const { incident } = await database.db.transaction().execute((trx) => openOrAddOccurrence(trx, seen));
  await sink.quarantine?.keep({ host: "memory", timeout: 1000 }, incident.id, leaked, 60_000);
  return planFor(rekey, incident.id, undefined);
}

test("a private key that an SSH connection knows is rotated there, and any other stays with a person", async () => {
  const [known, other] = [await newSshKey("deploy"), await newSshKey("somebody")];
  const half = await publicHalfOf(known);
  files.set(".ssh/authorized_keys", Buffer.from(`${half?.type} ${half?.blob} deploy\n`));
  const plan = await planOfLeaked(known);
  expect([plan?.driver, plan?.playbook.name, plan?.facts.connection, plan?.facts.named?.grade]).toEqual([
    "ssh-key/authorized-key",
    "ssh-key",
    "build",
    "confirmed",
  ]);
  const guided = await planOfLeaked(other);
  expect(guided?.driver).not.toBe("ssh-key/authorized-key");
  expect(guided?.steps.some(({ uses }) => uses === "manual@1")).toBe(true);
});
