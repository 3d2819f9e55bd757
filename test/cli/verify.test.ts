import { execFile } from "node:child_process";
import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { expandTemplate } from "../../src/detector/template.ts";
import { startVendor, type VendorServer } from "../../src/stand-in/vendor.ts";
import { repository } from "../source/repository.ts";

const cli = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));
const schema = JSON.parse(readFileSync(new URL("../../docs/schema/scan.schema.json", import.meta.url), "utf8"));
const isReport = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true }).compile(schema);
const [live, dead] = [key("hvs.{b64url:95}"), key("hvs.{b64url:95}")];
let vault: VendorServer;
let calls: string[];

beforeAll(async () => {
  vault = await startVendor((app) => {
    app.get("/v1/auth/token/lookup-self", (context) => {
      calls.push(context.req.header("x-vault-token") === live ? "live" : "other");
      return context.req.header("x-vault-token") === live
        ? context.json({ data: { accessor: "acc1", display_name: "ci", policies: ["default", "deploy"], expire_time: null } })
        : context.json({ errors: ["permission denied"] }, 403);
    });
  });
});
afterAll(() => vault.stop());
beforeEach(() => {
  calls = [];
});

function key(template: string): string {
  return expandTemplate(template, (below) => randomInt(below));
}

/** As test/cli/rekey.ts, but without blocking the server that stands in this process. */
function rekey(cwd: string, ...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  return piped("", cwd, ...args);
}

function piped(input: string, cwd: string, ...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const env = { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", REKEY_FINGERPRINT_KEY: "5a".repeat(32) };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [cli, ...args], { cwd, env }, (error, stdout, stderr) => {
      resolve({ status: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
    child.stdin?.end(input);
  });
}

function files() {
  const { host } = new URL(vault.url);
  const made = repository();
  made.commit("a", {
    "a.env": `VAULT_ADDR=http://${host}\nVAULT_TOKEN=${live}\n`,
    "b.env": `VAULT_ADDR=http://${host}\nVAULT_TOKEN=${live}\n`,
    "c.env": `VAULT_ADDR=http://${host}\nVAULT_TOKEN=${dead}\n`,
    "alone.env": `VAULT_TOKEN=${key("hvs.{b64url:95}")}\n`,
  });
  return { path: made.path, allow: `vault=${host}` };
}

test("each credential is asked about once, only where its server stands beside it; the report has the answer and never the value", async () => {
  const { path, allow } = files();
  const json = await rekey(path, "scan", "--verify", "--verify-host", allow, "--format", "json");
  expect(json.status).toBe(1);
  const report = JSON.parse(json.stdout);
  isReport(report);
  expect(isReport.errors).toBeNull();
  const said = report.findings.map(({ location, validity, verification }: Record<string, { path: string }>) => [
    location?.path,
    validity,
    verification,
  ]);
  expect(said).toMatchObject(
    [
      ["a.env", "active", { call: `GET ${allow.slice(6)}/v1/auth/token/lookup-self`, answer: "200", tells: { scopes: "default, deploy" } }],
      ["alone.env", "unknown", { answer: expect.stringContaining("--verify-host vault=HOST") }],
      ["b.env", "active", { tells: { token: "ci" } }],
      ["c.env", "inactive", { answer: "403 permission denied" }],
    ].sort(),
  );
  expect(calls.sort()).toEqual(["live", "other"]);
  for (const text of [json.stdout, json.stderr]) for (const value of [live, dead]) expect(text).not.toContain(value.slice(4, 20));
}, 30_000);

test("what the vendor says of a live value is confirmed evidence of whose it is; identities asks only with --whoami", async () => {
  const { path, allow } = files();
  await rekey(path, "identities");
  expect(calls).toEqual([]);
  const { stdout } = await rekey(path, "identities", "--whoami", "--verify-host", allow, "--format", "json");
  const graph = JSON.parse(stdout);
  expect(graph.identities).toContainEqual(expect.objectContaining({ kind: "service-account", name: "ci" }));
  expect(graph.edges).toContainEqual(expect.objectContaining({ relation: "authenticates_as", method: "whoami", grade: "confirmed" }));
  expect(calls.sort()).toEqual(["live", "other"]);
  const text = await rekey(path, "scan", "--verify", "--verify-host", allow);
  expect(text.stdout).toContain("service-account ci (authenticates as, confirmed)");
}, 30_000);

test("one value that is piped in", async () => {
  const { host } = new URL(vault.url);
  const { path, allow } = files();
  const { status, stdout } = await piped(
    `VAULT_ADDR=http://${host} VAULT_TOKEN=${live}`,
    path,
    "scan",
    "-",
    "--verify",
    "--verify-host",
    allow,
  );
  expect(status).toBe(1);
  expect(stdout).toContain(": 200; token ci, token id acc1, scopes default, deploy)");
  expect(calls).toEqual(["live"]);
}, 30_000);

test("without --verify nothing is sent; without an allowed host neither", async () => {
  const { path } = files();
  const plain = await rekey(path, "scan", "--format", "json");
  expect(plain.stdout).not.toContain("validity");
  await rekey(path, "scan", "--verify");
  expect(calls).toEqual([]);
}, 30_000);

test("--only-active shows and counts what a vendor accepts, and says what it left out", async () => {
  const { path, allow } = files();
  const active = await rekey(path, "scan", "--verify", "--verify-host", allow, "--only-active");
  expect(active.status).toBe(1);
  expect(active.stdout).toContain("1 credential in 2 places found");
  expect(active.stdout).toContain("validity    active (GET ");
  expect(active.stderr).toContain("not shown: 1 inactive, 1 unknown");
  const none = await rekey(path, "scan", "--verify", "--only-active");
  expect([none.status, none.stderr]).toEqual([0, "rekey scan: not shown: 0 inactive, 4 unknown\n"]);
}, 30_000);

test("a key of an account that issues canary tokens, and a declared honeytoken, are told and never sent", async () => {
  const { host } = new URL(vault.url);
  const made = repository();
  const id = `AKIA${accountPart("595918472158")}${key("{uppernum:6}").replaceAll(/[0189]/g, "A")}`;
  made.commit("a", {
    "aws.env": `AWS_ACCESS_KEY_ID=${id}\nAWS_SECRET_ACCESS_KEY=${key("{b64:40}")}\n`,
    "a.env": `VAULT_ADDR=http://${host}\nVAULT_TOKEN=${live}\n`,
  });
  const known = JSON.parse((await rekey(made.path, "scan", "--format", "json")).stdout);
  const { fingerprint } = known.findings.find(({ detector }: { detector: string }) => detector === "vault-service-token");
  made.write(".rekey/identities.yml", `version: 1\nhoneytokens: [ { fingerprint: '${fingerprint}' } ]\n`);
  const { stdout } = await rekey(made.path, "scan", "--verify", "--verify-host", `vault=${host}`, "--format", "json");
  const answers = Object.fromEntries(
    JSON.parse(stdout).findings.map((one: { detector: string; validity: string; verification: { answer: string } }) => [
      one.detector,
      `${one.validity} ${one.verification.answer}`,
    ]),
  );
  expect(answers).toMatchObject({
    "aws-access-key": expect.stringMatching(/^unknown not sent: The AWS account 595918472158 belongs to a maker of canary tokens/),
    "vault-service-token": expect.stringMatching(/^unknown not sent: \.rekey\/identities\.yml declares it as a honeytoken/),
  });
  expect(calls).toEqual([]);
}, 30_000);

test.each([
  [["--only-active"], "add --verify"],
  [["--verify", "--verify-host", "vault.corp"], "expected provider=host"],
  [["--verify", "--verify-host", "nobody=vault.corp"], "no detector has the provider 'nobody'"],
  [["--verify", "--verify-host", "vault=169.254.169.254"], "link-local"],
  [["--verify", "--verify-host", "vault=user@vault.corp"], "expected provider=host"],
])("%j is wrong usage", async (args, said) => {
  const { status, stderr } = await rekey(repository().path, "scan", ...args);
  expect([status, stderr]).toEqual([2, expect.stringContaining(said)]);
});

test("docs/verify-types.md is what the detectors and drivers say", async () => {
  const { stdout } = await rekey(".", "providers", "--verify", "--format", "markdown");
  const written = readFileSync(new URL("../../docs/verify-types.md", import.meta.url), "utf8");
  expect(written, "run rekey providers --verify --format markdown > docs/verify-types.md").toBe(stdout);
});

/** The ten characters of a key id that hold its account. */
function accountPart(account: string): string {
  const bits = (BigInt(account) << 7n) << 2n;
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  return Array.from({ length: 10 }, (_, at) => alphabet[Number((bits >> BigInt(45 - 5 * at)) & 31n)] ?? "").join("");
}
