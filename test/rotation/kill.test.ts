import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, test as always, beforeAll, expect } from "vitest";
import { Secret } from "../../src/secret.ts";
import { vault } from "../../src/secret-manager/vault.ts";
import { ensureOpenBao, type OpenBao, startOpenBao } from "../../src/stand-in/openbao.ts";
import { type OpenRouter, startOpenRouter } from "../../src/stand-in/openrouter.ts";
import { startPortkey } from "../../src/stand-in/portkey.ts";
import { openDatabase } from "../../src/store/database.ts";
import { sqlJournal } from "../../src/store/journal.ts";
import { startPostgres } from "../servers/postgres.ts";
import { postgresRoles } from "../servers/postgres-roles.ts";
import { real } from "../servers/real.ts";
import { place } from "./rig.ts";

const test = always.runIf((await real("OpenBao", () => ensureOpenBao())) !== undefined);

const child = fileURLToPath(new URL("./child.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "rekey-kill-"));
let provider: OpenRouter;
let store: OpenBao;
let postgres: Awaited<ReturnType<typeof startPostgres>>;
beforeAll(async () => {
  [provider, store, postgres] = await Promise.all([startOpenRouter(), startOpenBao(), startPostgres()]);
});
afterAll(async () => {
  await Promise.allSettled([provider.stop(), store.stop(), postgres.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

type Location = { dataDir: string } | { url: string };

/** Awaited, not `spawnSync`: the stand-in of this process must answer meanwhile. */
async function work(order: object): Promise<{ lines: string[]; signal: string | null; stderr: string }> {
  const running = spawn(process.execPath, [child], {
    env: { ...process.env, ORDER: JSON.stringify(order) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  running.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk;
  });
  running.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk;
  });
  const signal = await new Promise<string | null>((resolve) => running.once("close", (_code, by) => resolve(by)));
  return { lines: stdout.split("\n").filter((line) => line !== "" && !line.startsWith("call ")), signal, stderr };
}

/** Boundaries of the steps: after the issue is intended, sent and settled; after the promotion; at the gate; around the destroy; at the proof. */
const boundaries = [2, 5, 6, 7, 10, 13, 15, 17, 19, 21, 23, 25];

test.each(["embedded", "postgresql"] as const)(
  "kill -9 at the boundaries of the steps, state on %s: one live key, known to the journal",
  { timeout: 300_000 },
  async (kind) => {
    for (const dieAt of boundaries) {
      const database: Location = kind === "embedded" ? { dataDir: join(folder, "db") } : { url: postgres.url };
      const key = provider.createKey(`triage-${kind}-${dieAt}`);
      const at = { ...place, path: `secret/agents/${key.hash.slice(0, 12)}` };
      const context = { host: store.url, credential: store.token, timeout: 5000 };
      await vault.pend(context, at, "seed", { [place.field]: key.secret });
      await vault.promote(context, at, "seed", "0");
      await vault.drop(context, at, "seed");
      const before = new Set(provider.keys().map(({ hash }) => hash));
      const order = {
        database,
        provider: { url: provider.url, managementKey: provider.managementKey.reveal() },
        store: { url: store.url, token: store.token.reveal() },
        leaked: { hash: key.hash, value: key.secret.reveal() },
      };

      const first = await work({ ...order, dieAt });
      const [run = ""] = first.lines;
      if (first.signal !== "SIGKILL") throw new Error(`the child ended by itself at ${dieAt}: ${first.lines.join(" ")} ${first.stderr}`);
      const second = await work({ ...order, run, dieAt: 0 });
      expect(second.lines[1], `${dieAt}: ${second.stderr}`).toBe("done");

      const after = provider.keys().filter(({ hash }) => !before.has(hash) || hash === key.hash);
      expect(after, `killed at ${dieAt}: the new key and nothing else`).toHaveLength(1);
      const current = await vault.read(context, at);
      expect(
        createHash("sha256")
          .update(current?.fields[place.field]?.reveal() ?? "")
          .digest("hex"),
      ).toBe(after[0]?.hash);
      const opened = await openDatabase(database);
      const issued = (await sqlJournal(opened.db, (message) => new Error(message)).effects(run)).find(({ key: name }) => name === "issue");
      await opened.close();
      expect(issued?.result).toMatchObject({ record: { id: after[0]?.hash } });
      expect(await vault.readPending(context, at, run)).toBeUndefined();
    }
  },
);

/** Staged, set and tested; promoted; disabled; the soak; around the destroy; at the proof. */
const roleBoundaries = [3, 6, 8, 11, 15, 18, 21, 24, 27];

test.each(["embedded", "postgresql"] as const)(
  "kill -9 while a PostgreSQL role is rotated, state on %s: one role can log in, with what the secret manager holds",
  { timeout: 300_000 },
  async (kind) => {
    const roles = await postgresRoles(postgres);
    for (const dieAt of roleBoundaries) {
      const database: Location = kind === "embedded" ? { dataDir: join(folder, "db-role") } : { url: postgres.url };
      const { user, secret, attributes } = await roles.createApp();
      const at = { connection: "store", sink: "vault", path: `secret/${user}`, field: "DATABASE_URL", format: "url" } as const;
      const context = { host: store.url, credential: store.token, timeout: 5000 };
      const leakedUrl = `postgresql://${user}:${secret.reveal()}@db.internal:5432/postgres`;
      await vault.pend(context, at, "seed", { [at.field]: Secret.from(leakedUrl) });
      await vault.promote(context, at, "seed", "0");
      await vault.drop(context, at, "seed");
      const order = {
        database,
        store: { url: store.url, token: store.token.reveal() },
        leaked: { hash: user, value: secret.reveal() },
        postgresql: { host: roles.context.host, login: roles.context.credential?.reveal() ?? "", attributes, place: at },
      };

      const first = await work({ ...order, dieAt });
      const [run = ""] = first.lines;
      if (first.signal !== "SIGKILL") throw new Error(`the child ended by itself at ${dieAt}: ${first.lines.join(" ")} ${first.stderr}`);
      const second = await work({ ...order, run, dieAt: 0 });
      expect(second.lines[1], `${dieAt}: ${second.stderr}`).toBe("done");

      expect(await roles.living(user), `killed at ${dieAt}`).toEqual([`${user}_rekey`]);
      const current = new URL((await vault.read(context, at))?.fields[at.field]?.reveal() ?? "");
      expect(current.username).toBe(`${user}_rekey`);
      await (await roles.session(current.username, current.password)).end();
      await expect(roles.session(user, secret.reveal())).rejects.toMatchObject({ code: "28P01" });
      const opened = await openDatabase(database);
      const issued = (await sqlJournal(opened.db, (message) => new Error(message)).effects(run)).find(({ key: name }) => name === "issue");
      await opened.close();
      expect(issued?.result).toMatchObject({ record: { id: `${user}_rekey` } });
      expect(await vault.readPending(context, at, run)).toBeUndefined();
    }
    await roles.stop();
  },
);

/** Around the rotation, its answer and its staging; with an answer: promoted, and at the end of the transition. */
const rollBoundaries = [
  { lost: false, boundaries: [5, 6, 7, 13, 18] },
  { lost: true, boundaries: [5, 6, 8, 10] },
];

test.each(rollBoundaries)(
  "kill -9 while a Portkey key is rotated, answer lost: $lost: one live key, known to the journal, and never a second rotation",
  { timeout: 300_000 },
  async ({ lost, boundaries: all }) => {
    for (const dieAt of all) {
      const portkey = await startPortkey({ speed: 1_800_000 / 1000 });
      const foreign = portkey.createKey("somebody else's");
      const { id, secret } = portkey.createKey("triage");
      const at = { connection: "store", sink: "vault", path: `secret/portkey/${id}`, field: "PORTKEY_API_KEY" } as const;
      const context = { host: store.url, credential: store.token, timeout: 5000 };
      await vault.pend(context, at, "seed", { [at.field]: secret });
      await vault.promote(context, at, "seed", "0");
      await vault.drop(context, at, "seed");
      const database: Location = { dataDir: join(folder, "db-roll") };
      const order = {
        database,
        store: { url: store.url, token: store.token.reveal() },
        leaked: { hash: id, value: secret.reveal() },
        portkey: { host: portkey.url, adminKey: portkey.adminKey.reveal(), place: at },
      };
      if (lost) portkey.fail("POST", /rotate$/, "drop-after");

      const first = await work({ ...order, dieAt });
      const [run = ""] = first.lines;
      if (first.signal !== "SIGKILL") throw new Error(`the child ended by itself at ${dieAt}: ${first.lines.join(" ")} ${first.stderr}`);
      const second = await work({ ...order, run, dieAt: 0 });
      expect(second.lines[1], `${dieAt}: ${second.stderr}`).toBe("done");

      const current = (await vault.read(context, at))?.fields[at.field]?.reveal();
      const left = portkey.keys.all().filter((key) => key.id !== foreign.id);
      expect(
        left.map(({ value }) => value),
        `killed at ${dieAt}: the key that the store holds and nothing else`,
      ).toEqual([current]);
      expect(portkey.rotations()).toBeLessThan(2);
      const opened = await openDatabase(database);
      const issued = (await sqlJournal(opened.db, (message) => new Error(message)).effects(run)).find(({ key }) => key === "issue");
      await opened.close();
      expect(issued?.result).toMatchObject({ record: { id: left[0]?.id } });
      expect(await vault.readPending(context, at, run)).toBeUndefined();
      await portkey.stop();
    }
  },
);
