import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, test as always, beforeAll, expect } from "vitest";
import { connectVault } from "../../src/connection/vault.ts";
import { Secret } from "../../src/secret.ts";
import { vault } from "../../src/secret-manager/vault.ts";
import { ensureOpenBao, type OpenBao, startOpenBao } from "../../src/stand-in/openbao.ts";
import { real } from "../servers/real.ts";
import { rekey } from "./rekey.ts";

const test = always.runIf((await real("OpenBao", () => ensureOpenBao())) !== undefined);

const folder = mkdtempSync(join(tmpdir(), "rekey-connect-"));
const file = join(folder, "rekey.yml");
let store: OpenBao;
beforeAll(async () => {
  store = await startOpenBao();
  writeFileSync(file, `# ours\nconnections:\n  prod: { type: vault, host: "${store.url}", credential: env:TOKEN }\n`);
});
afterAll(async () => {
  await store.stop();
  rmSync(folder, { recursive: true, force: true });
});

const connect = (token: string, ...args: string[]) => rekey(folder, ["connect", ...args, "--config", file], { env: { TOKEN: token } });

async function tokenWith(policy: string): Promise<string> {
  const client = connectVault({ host: store.url, token: store.token, timeout: 5000 });
  await client.write("sys/policies/acl/rekey-test", { policy });
  const { body } = await client.write("auth/token/create", { policies: ["rekey-test"], no_parent: true });
  return (body as { auth: { client_token: string } }).auth.client_token;
}

test("the policy that connect prints is enough for the sink and the playbook, and says so of a token that has exactly it", async () => {
  const policy = /Least policy:\n([\s\S]*?)\n\n?Tested/.exec(connect(store.token.reveal(), "prod").stdout)?.[1] ?? "";
  expect(policy).toContain('path "auth/token/create" { capabilities = ["sudo", "update"] }');
  expect(policy).not.toContain("<mount>");
  const token = await tokenWith(policy);
  const tested = connect(token, "prod");
  expect(tested.stdout).not.toMatch(/missing|far more/);
  expect(tested.status).toBe(0);

  const context = { host: store.url, credential: Secret.from(token), timeout: 5000 };
  const place = { path: "secret/agents/connect", field: "KEY" };
  const value = () => ({ KEY: Secret.from("generated") });
  await vault.pend(context, place, "run-1", value());
  const first = await vault.promote(context, place, "run-1", "0");
  await vault.drop(context, place, "run-1");
  await vault.pend(context, place, "run-2", { KEY: Secret.from("generated too") });
  const second = await vault.promote(context, place, "run-2", first.version);
  await vault.restore(context, place, "run-2", { from: second.version, to: first.version });
  await vault.drop(context, place, "run-2");
  for await (const entry of vault.entries(context)) expect(entry.path).toBe("secret/agents/connect");
  await vault.quarantine?.keep(context, "RK-TEST", Secret.from("generated"), 60_000);
  await vault.quarantine?.destroy(context, "RK-TEST");
});

test("a right that is missing is named, and a root token is far too much", async () => {
  const poor = connect(await tokenWith('path "secret/data/*" { capabilities = ["read"] }'), "prod");
  expect(poor.status).toBe(1);
  expect(poor.stdout).toContain("missing: auth/token/create: update, sudo");
  const root = connect(store.token.reveal(), "prod");
  expect(root.stdout).toContain("allowed, and far more than asked for");
});

test("--list shows what each connection may do and what it unlocks", () => {
  const { stdout } = connect(store.token.reveal(), "--list");
  expect(stdout).toContain("prod (vault)\n  credential  env:TOKEN\n  unlocks     ");
  expect(stdout).toContain("vault-token");
});

test("a new connection is written beside what stands there, and only a reference to its credential", () => {
  const added = connect(store.token.reveal(), "other", "--type", "openrouter", "--host", "https://openrouter.ai", "--save");
  expect(added.stdout).toContain("not tested: the connection has no credential");
  expect(readFileSync(file, "utf8")).toMatch(
    /^# ours\nconnections:\n {2}prod: .*\n {2}other: \{ type: openrouter, host: https:\/\/openrouter\.ai \}\n$/,
  );
  const given = connect("x", "third", "--type", "vault", "--host", "https://v.example", "--credential", "generated-value");
  expect(given.status).toBe(2);
  expect(given.stderr).toContain("expected env:NAME, file:PATH, vault:PATH#FIELD or aws:SECRET#FIELD, never the value itself");
});

test.each([
  [[], "expected the name of a connection, or --list"],
  [["nope"], "'nope' is not a connection of"],
  [["prod", "--playbook", "openrouter-key"], "expected a playbook that this connection serves"],
])("%j is refused", (args, message) => {
  const { status, stderr } = connect("x", ...args);
  expect(stderr).toContain(message);
  expect(status).toBe(2);
});
