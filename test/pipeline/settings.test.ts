import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseServerConfig } from "../../src/config/server.ts";
import type { AppManifest } from "../../src/github/manifest.ts";
import { silentLog } from "../../src/log.ts";
import type { Rekey } from "../../src/pipeline/context.ts";
import { settingsOf } from "../../src/pipeline/settings.ts";
import { drivers } from "../../src/provider/index.ts";
import { sinkFor } from "../../src/secret-manager/index.ts";
import { createApiToken } from "../../src/store/access.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";

let folder: string;
let database: Database;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "rekey-settings-"));
  database = await openDatabase({ dataDir: folder });
});
afterAll(async () => {
  await database?.close();
  rmSync(folder, { recursive: true, force: true });
});

const manifest = { default_permissions: {}, default_events: [] } as unknown as AppManifest;

async function lines(config: string, change: object = {}): Promise<string> {
  const rekey = {
    config: parseServerConfig(config, "rekey.yml"),
    database,
    drivers,
    sinkFor,
    log: silentLog,
    ...change,
  } as unknown as Rekey;
  const parts = await settingsOf(rekey, manifest)();
  return parts
    .flatMap(({ title, checks }) => [
      title,
      ...checks.map(({ what, state, says, hint }) => `  ${state} ${what}: ${says}${hint === undefined ? "" : ` (${hint})`}`),
    ])
    .join("\n");
}

test("a server without anything says what each part needs", async () => {
  const text = await lines("{}");
  for (const needs of [
    "needs github:",
    "needs login.github",
    "needs security_team",
    "needs connections:",
    "needs runtime.sources",
    "needs notify:",
    "needs rekey token create",
    "needs quarantine:",
    "needs governance.controls",
  ])
    expect(text).toContain(needs);
});

test("what is configured is named, and no credential, reference to one or user of a database stands there", async () => {
  await createApiToken(database.db, { name: "siem", scopes: ["incidents:read"], expiresAt: new Date(Date.now() + 5 * 86_400_000) });
  const text = await lines(`security_team: [dana, acme/security]
connections:
  prod-vault: { type: vault, host: "https://vault.example:8200", credential: env:REKEY_VAULT_TOKEN }
  old-vault: { type: vault, host: "https://old.example:8200", credential: env:REKEY_OLD_TOKEN, inventory: off }
  prod-db: { type: postgresql, host: "postgresql://admin-user:hunter2@db.internal:5432/app?sslmode=verify-full", credential: file:/etc/rekey/db }
  bare: { type: openrouter, host: "https://openrouter.ai" }
notify: [ { type: slack, name: sec, url: env:REKEY_SLACK } ]
policy: { exceptions: { max_days: 30 } }
`);
  expect(text).toContain("ok security team: dana, acme/security");
  expect(text).toContain("warning prod-vault (vault): https://vault.example:8200; never read to the end yet");
  expect(text).toContain("warning old-vault (vault): https://old.example:8200; its inventory is off (needs inventory: on");
  expect(text).toContain("ok prod-db (postgresql): postgresql://db.internal:5432/app");
  expect(text).toContain("warning bare (openrouter): https://openrouter.ai (needs a credential");
  expect(text).toContain("ok sec (slack): opened, held, dead, reopened, resolved, overdue, from medium on");
  expect(text).toContain("warning token siem: incidents:read; until");
  expect(text).toContain("ok accepted risks: at most 30 days");
  expect(text).not.toMatch(/REKEY_|hunter2|admin-user|\/etc\/rekey/);
});

test("a GitHub that does not answer keeps nobody waiting, and one that refuses is said", async () => {
  const github = `github: { app_id: 1, private_key: env:APP_KEY, webhook_secret: env:HOOK }`;
  expect(await lines(github, { app: { appClient: () => new Promise(() => undefined) } })).toContain("GitHub has not answered yet");
  const refused = Object.assign(new Error("no"), { status: 401 });
  const client = { request: async () => Promise.reject(refused) };
  expect(await lines(github, { app: { appClient: async () => client } })).toContain("failed App: GitHub refuses the App's key");
});
