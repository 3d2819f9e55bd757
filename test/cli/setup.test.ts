import { spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningServer, startServer } from "../../src/cli/server.ts";
import { loadServerConfig } from "../../src/config/server.ts";
import { silentLog } from "../../src/log.ts";
import { fingerprint, olderFingerprints, Secret } from "../../src/secret.ts";
import { type GitHubStandIn, startGitHub } from "../../src/stand-in/github/server.ts";
import { startOpenBao } from "../../src/stand-in/openbao.ts";
import { openOrAddOccurrence, recordEvents } from "../../src/store/incidents.ts";
import { Browser } from "../github/browser.ts";
import { openRouterKey } from "../github/keys.ts";
import { heldToDescription } from "../github/openapi/conformance.ts";
import { until } from "../github/world.ts";
import { real } from "../servers/real.ts";
import { finding } from "../store/findings.ts";

const cli = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "rekey-setup-"));
let github: GitHubStandIn;
let conforms: () => void;
beforeAll(async () => {
  github = await startGitHub({ folder });
  conforms = heldToDescription(github);
});
afterAll(async () => {
  await github.stop();
  rmSync(folder, { recursive: true, force: true });
  conforms();
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command; `seen` is told what it has said on stderr so far. */
function rekey(args: readonly string[], seen: (err: string) => void = () => undefined): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [cli, ...args], { env: { PATH: process.env["PATH"] ?? "", HOME: folder } });
    let [out, err] = ["", ""];
    child.stdout.on("data", (part) => {
      out += part;
    });
    child.stderr.on("data", (part) => {
      err += part;
      seen(err);
    });
    child.on("close", (code) => resolve({ code: code ?? -1, out, err }));
  });
}

const dir = join(folder, "server");
const config = join(dir, "rekey.yml");
const port = 30_000 + (process.pid % 10_000);
const setup = ["setup", "--url", `http://127.0.0.1:${port}`, "--org", "acme", "--dir", dir, "--web", "", "--api", ""];

function setupArgs(): string[] {
  return setup.map((arg, index) => (setup[index - 1] === "--web" || setup[index - 1] === "--api" ? github.url : arg));
}

/** The address of the page, as the command prints it. */
function address(err: string): string | undefined {
  return /open (http:\/\/127\.0\.0\.1:\d+)\//.exec(err)?.[1];
}

/** What a person does: opens the page, presses the button, and lets GitHub bring them back. */
async function press(page: string, change: (url: string) => string = (url) => url) {
  const browser = new Browser();
  const { text } = await browser.get(`${page}/`);
  const unescaped = (value: string) => value.replaceAll("&quot;", '"').replaceAll("&amp;", "&");
  const action = unescaped(/action="([^"]+)"/.exec(text)?.[1] ?? "");
  const manifest = unescaped(/name="manifest" value="([^"]*)"/.exec(text)?.[1] ?? "");
  const back = await browser.post(action, { manifest }, { follow: false });
  return { manifest: JSON.parse(manifest) as object, done: await browser.get(change(back.headers.get("location") ?? "")) };
}

test("an App is registered by two clicks, its secrets are for its owner alone, and the server runs with them", {
  timeout: 90_000,
}, async () => {
  let page: string | undefined;
  const running = rekey(setupArgs(), (err) => {
    page ??= address(err);
  });
  await until(
    "the page is there",
    () => page,
    (one) => one !== undefined,
  );
  expect((await fetch(`${page}/callback?code=x&state=forged`)).status).toBe(400);
  const { manifest, done } = await press(page ?? "");
  expect(manifest).toMatchObject({
    name: "Rekey",
    public: false,
    hook_attributes: { url: `http://127.0.0.1:${port}/api/github/webhooks`, active: true },
    callback_urls: [`http://127.0.0.1:${port}/login/github/callback`],
  });
  expect(done.text).toContain("The App is registered");
  const { code, out } = await running;
  expect(code).toBe(0);
  expect(out).toContain("rekey doctor");
  const files = ["app.pem", "webhook.secret", "client.secret", "fingerprint.key"];
  for (const name of files) expect(statSync(join(dir, name)).mode & 0o777, name).toBe(0o600);
  const text = readFileSync(config, "utf8");
  for (const name of files) expect(text, name).not.toContain(readFileSync(join(dir, name), "utf8").trim().slice(0, 30));
  expect(text).toContain("rollout: observe");

  const doctor = await rekey(["doctor", "--config", config, "--data", join(folder, "db")]);
  expect(doctor.out).toContain("ok       App: rekey");
  expect(doctor.out).toContain("ok       permissions: as app.yml asks");
  expect(doctor.out).toContain("warning  security_team: is empty");
  expect(doctor).toMatchObject({ code: 0, out: expect.stringContaining("Nothing has failed.") });

  const server = await startServer({ config: listening(), environment: {}, dataDir: join(folder, "db"), log: silentLog });
  try {
    const repository = await github.addRepository("acme", "first", { private: true, roles: {} });
    github.installation("created", [repository]);
    await until(
      "the webhook was taken with the App's own secret",
      () => server.rekey.database.db.selectFrom("installation").select("account").execute(),
      (rows) => rows.length === 1,
    );
  } finally {
    await server.stop();
  }
});

function listening() {
  return { ...loadServerConfig(config), listen: { host: "127.0.0.1", port } };
}

test("nothing is overwritten", async () => {
  const again = await rekey(setupArgs());
  expect(again).toMatchObject({ code: 2, err: expect.stringContaining("is there already") });
});

test("doctor names what is missing and what to do about it", { timeout: 30_000 }, async () => {
  const app = github.state.app;
  if (app === undefined) throw new Error("no App");
  github.state.app = { ...app, permissions: { ...app.permissions, checks: "read", contents: "write" } };
  const { code, out } = await rekey(["doctor", "--config", config, "--data", join(folder, "db")]);
  expect(code).toBe(1);
  expect(out).toContain("FAILED   permission: needs checks: write\n           without it no check is written");
  expect(out).toContain("warning  permission: has contents: write, which nothing uses");
  github.state.app = app;

  writeFileSync(join(dir, "other.yml"), readFileSync(config, "utf8").replace("app.pem", "gone.pem"));
  const gone = await rekey(["doctor", "--config", join(dir, "other.yml"), "--data", join(folder, "db"), "--format", "json"]);
  expect(gone.code).toBe(1);
  expect(JSON.parse(gone.out).checks).toContainEqual(expect.objectContaining({ what: "credential", state: "failed" }));

  writeFileSync(join(dir, "bad.yml"), "github: yes\n");
  expect(await rekey(["doctor", "--config", join(dir, "bad.yml")])).toMatchObject({ code: 1, out: expect.stringContaining("bad.yml:1") });
});

test("the server's own keys are replaced without losing a webhook or a decision", { timeout: 120_000 }, async () => {
  const data = join(folder, "db-keys");
  const repository = await github.addRepository("acme", "keys", { private: true, roles: {} });
  const run = async (during: (server: RunningServer) => Promise<void>) => {
    const server = await startServer({ config: listening(), environment: {}, dataDir: data, log: silentLog });
    await during(server).finally(() => server.stop());
  };
  const ping = async ({ rekey: { database } }: RunningServer) => {
    const before = (await database.db.selectFrom("delivery").select("guid").execute()).length;
    github.installation("created", [repository]);
    await until(
      "the webhook is taken",
      () => database.db.selectFrom("delivery").select("guid").execute(),
      ({ length }) => length > before,
    );
  };
  const value = Secret.from(openRouterKey());
  const sight = async ({ rekey: { database, fingerprintKeys } }: RunningServer) => {
    const ring = { tenant: fingerprintKeys, salts: [] };
    const seen = finding({ fingerprint: fingerprint(value, ring), aliases: olderFingerprints(value, ring) });
    const sighted = { finding: seen, exposedAt: new Date().toISOString(), preExisting: false };
    return database.db.transaction().execute((trx) => openOrAddOccurrence(trx, sighted));
  };

  let known = "";
  await run(async (server) => {
    await ping(server);
    known = (await sight(server)).incident.id;
    const { db } = server.rekey.database;
    const closed = [
      { type: "false-positive", by: "mara", reason: "an example" } as const,
      { type: "closed", resolution: "false_positive" } as const,
    ];
    await db.transaction().execute((trx) => recordEvents(trx, known, closed));
  });
  expect(await rekey(["keys", "rotate", "fingerprint", "--config", config])).toMatchObject({ code: 0 });
  expect(await rekey(["keys", "rotate", "webhook", "--config", config])).toMatchObject({ code: 0 });
  expect(await rekey(["keys", "rotate", "webhook", "--config", config])).toMatchObject({
    code: 2,
    err: expect.stringContaining("is under way"),
  });
  await run(async (server) => {
    await ping(server); // still signed with the old secret
    expect(await rekey(["keys", "rotate", "webhook", "--finish", "--config", config])).toMatchObject({ code: 0 });
    await ping(server);
    const again = await sight(server);
    expect(again).toMatchObject({ opened: false, incident: { id: known, resolution: "false_positive" } });
  });
  expect(await rekey(["keys", "rotate", "app", "--config", config])).toMatchObject({
    code: 0,
    out: expect.stringContaining("Manual step"),
  });
  const wrong = join(folder, "wrong.pem");
  writeFileSync(wrong, generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" }), {
    mode: 0o600,
  });
  expect(await rekey(["keys", "rotate", "app", "--key", wrong, "--config", config])).toMatchObject({
    code: 2,
    err: expect.stringContaining("nothing was changed"),
  });
  expect(await rekey(["keys", "rotate", "app", "--key", join(dir, "app.pem"), "--config", config])).toMatchObject({ code: 0 });
});

const bao = await real("OpenBao", startOpenBao);

test.runIf(bao !== undefined)(
  "its secrets can go to a secret manager instead, which the server then reads",
  { timeout: 60_000 },
  async () => {
    const there = join(folder, "with-vault");
    const token = join(folder, "token");
    writeFileSync(token, bao?.token.reveal() ?? "", { mode: 0o600 });
    const vault = ["--vault", "secret/rekey", "--vault-host", bao?.url ?? "", "--vault-token", `file:${token}`];
    const args = setupArgs().map((arg) => (arg === dir ? there : arg));
    let page: string | undefined;
    const running = rekey([...args, ...vault], (err) => {
      page ??= address(err);
    });
    await until(
      "the page is there",
      () => page,
      (one) => one !== undefined,
    );
    expect((await press(page ?? "")).done.text).toContain("The App is registered");
    expect((await running).code).toBe(0);
    expect(readdirSync(there)).toEqual(["rekey.yml"]);
    const doctor = await rekey(["doctor", "--config", join(there, "rekey.yml"), "--data", join(folder, "db2")]);
    expect(doctor).toMatchObject({ code: 0, out: expect.stringContaining("ok       App: rekey") });
    const again = await rekey([...setupArgs().map((arg) => (arg === dir ? `${there}-2` : arg)), ...vault]);
    expect(again).toMatchObject({ code: 2, err: expect.stringContaining("holds an entry already") });
    await bao?.stop();
  },
);
