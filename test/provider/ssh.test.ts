import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { newSshKey, publicHalfOf } from "../../src/connection/ssh.ts";
import { githubDeployKey } from "../../src/provider/github-deploy-key.ts";
import { sshKey } from "../../src/provider/ssh-key.ts";
import { Secret } from "../../src/secret.ts";
import { startGitHubDeployKeys } from "../../src/stand-in/github-deploy-keys.ts";
import { startSsh } from "../../src/stand-in/ssh.ts";
import { driverContract } from "../contract/driver.ts";
import { many, vendorUnderTest } from "./vendors.ts";

async function keyPair(comment = "somebody") {
  const secret = Secret.from(await newSshKey(comment));
  const { type, blob } = (await publicHalfOf(secret.reveal())) ?? { type: "", blob: "" };
  return { secret, blob, line: `${type} ${blob} ${comment}` };
}

const file = ".ssh/authorized_keys";

/** An account with the key that leaked, one of Rekey's own, and others. */
async function account() {
  const [own, leaked, other] = [await keyPair("rekey@security"), await keyPair("deploy@old-laptop"), await keyPair("mara@laptop")];
  const text = ["# the team's keys", own.line, `from="10.0.0.0/8",no-pty ${leaked.line}`, "", other.line, ""].join("\n");
  const files = new Map([[file, Buffer.from(text)]]);
  const lines = () => (files.get(file)?.toString() ?? "").split("\n");
  const server = await startSsh({
    files,
    admit: (user, blob) =>
      user === "deploy" && lines().some((line) => !line.startsWith("#") && line.includes(` ${blob} `)) ? {} : undefined,
  });
  return {
    server,
    files,
    lines,
    text,
    own,
    leaked,
    context: {
      host: `ssh://deploy@127.0.0.1:${server.port}?hostkey=${encodeURIComponent(server.hostKey)}`,
      credential: own.secret,
      timeout: 4000,
    },
    living: () => lines().filter((line) => line !== "" && !line.startsWith("#")),
  };
}

driverContract("SSH keys", async () => {
  const { server, context, leaked, living } = await account();
  return { driver: sshKey, context, leaked: leaked.secret, powerless: (await keyPair()).secret, living, stop: server.stop };
});

driverContract("GitHub deploy keys", async () => {
  const server = await startGitHubDeployKeys();
  for (let other = 0; other < 3; other++) server.addKey("acme/triage", `other ${other}`, (await keyPair()).line);
  many(110, (other) => server.addKey("acme/triage", `filler ${other}`, `ssh-ed25519 ${Buffer.from(`filler ${other}`).toString("base64")}`));
  server.addKey("acme/elsewhere", "elsewhere", (await keyPair()).line);
  const leaked = await keyPair();
  server.addKey("acme/triage", "agent", leaked.line, false);
  const calls = { list: ["GET", /\/keys$/], issue: ["POST", /\/keys$/], revoke: ["DELETE", /\/keys\//] } as const;
  return vendorUnderTest(githubDeployKey, server, server.token, leaked.secret, calls, {
    context: { host: server.host, credential: server.token, timeout: 2000 },
    attributes: { principal: "acme/triage" },
    powerless: Secret.from("x".repeat(40)),
  });
});

describe("authorized_keys", () => {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });
  const started = async () => {
    const it = await account();
    stops.push(it.server.stop);
    const [like] = (await sshKey.match?.(it.context, { attributes: {}, secret: it.leaked.secret }))?.records ?? [];
    if (like === undefined) throw new Error("expected a record");
    return { ...it, like };
  };

  test("the new line has the options of the leaked one's, and everybody else's stay as they are", async () => {
    const { context, like, text, lines, leaked, files } = await started();
    const prepared = await sshKey.prepare?.(context, { name: "rekey-run-1", like, token: "t" });
    if (prepared === undefined) throw new Error("expected a value");
    const request = { name: "rekey-run-1", like, token: "t", prepared };
    await sshKey.issue?.(context, request);
    await sshKey.issue?.(context, request);
    const blob = (await publicHalfOf(prepared.secret.reveal()))?.blob;
    expect(files.get(file)?.toString()).toBe(`${text}from="10.0.0.0/8",no-pty ssh-ed25519 ${blob} rekey-run-1\n`);
    await sshKey.disable?.(context, like);
    expect(lines()).toContain(`# rekey-disabled from="10.0.0.0/8",no-pty ${leaked.line}`);
    await sshKey.enable?.(context, like);
    await sshKey.discard?.(context, { name: "rekey-run-1", like });
    expect(files.get(file)?.toString()).toBe(text);
    expect([...files.keys()], "nothing is left beside it").toEqual([file]);
  });

  test("the old key is refused while the new one is let in", async () => {
    const { context, like, leaked } = await started();
    const prepared = await sshKey.prepare?.(context, { name: "rekey-run-1", like, token: "t" });
    if (prepared === undefined) throw new Error("expected a value");
    await sshKey.issue?.(context, { name: "rekey-run-1", like, token: "t", prepared });
    expect(await sshKey.probe(context, { attributes: {}, secret: leaked.secret })).toMatchObject({ answer: "alive" });
    await sshKey.revoke?.(context, like, { attributes: {} });
    expect(await sshKey.probe(context, { attributes: {}, secret: leaked.secret })).toEqual({ answer: "invalid", code: "publickey denied" });
    expect(await sshKey.probe(context, { attributes: {}, secret: prepared.secret })).toMatchObject({ answer: "alive" });
  });

  test("a server with another host key is not logged in to, and one that is away is not dead", async () => {
    const { context, leaked } = await started();
    const other = { ...context, host: context.host.replace(/hostkey=.*/, `hostkey=SHA256:${"A".repeat(43)}`) };
    expect(await sshKey.probe(other, { attributes: {}, secret: leaked.secret })).toEqual({ answer: "unknown", code: "host-key" });
    await expect(sshKey.list?.(other, { attributes: {} })).rejects.toMatchObject({ code: "host-key" });
    const away = { ...context, host: context.host.replace(/127\.0\.0\.1:\d+/, "127.0.0.1:9") };
    expect(await sshKey.probe(away, { attributes: {}, secret: leaked.secret })).toEqual({ answer: "unknown", code: "no answer" });
    await expect(sshKey.list?.(away, { attributes: {} })).rejects.toMatchObject({ name: "RetryError" });
  });

  test("the key that Rekey itself works with is never removed", async () => {
    const { context, own } = await started();
    const [record] = (await sshKey.match?.(context, { attributes: {}, secret: own.secret }))?.records ?? [];
    if (record === undefined) throw new Error("expected a record");
    await expect(sshKey.revoke?.(context, record, { attributes: {} })).rejects.toMatchObject({ code: "own-credential" });
    await expect(sshKey.disable?.(context, record)).rejects.toMatchObject({ code: "own-credential" });
  });

  test("a key that lets nobody in here is nobody's, as is what is no SSH key", async () => {
    const { context } = await started();
    expect((await sshKey.match?.(context, { attributes: {}, secret: (await keyPair()).secret }))?.records).toEqual([]);
    const junk = Secret.from("-----BEGIN PRIVATE KEY-----\\nnot one\\n-----END PRIVATE KEY-----");
    expect(await sshKey.match?.(context, { attributes: {}, secret: junk })).toEqual({ records: [], grade: "weak" });
  });
});

test.each(["pkcs1", "pkcs8"] as const)("an RSA key in PEM (%s) is read, also with its line breaks written out", async (type) => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = privateKey.export({ type, format: "pem" }).toString();
  const plain = await publicHalfOf(pem);
  expect(plain?.type).toBe("ssh-rsa");
  expect(await publicHalfOf(pem.replaceAll("\n", "\\n"))).toEqual(plain);
});

test("a GitHub key of a person is no deploy key, and stays", async () => {
  const server = await startGitHubDeployKeys();
  const { secret, line } = await keyPair();
  server.addKey("mara", "a person's", line);
  const context = { host: server.host, credential: server.token, timeout: 2000 };
  expect(await githubDeployKey.match?.(context, { attributes: {}, secret })).toEqual({ records: [], grade: "weak" });
  await server.stop();
});

test("each of a thousand new keys can be read again, though the library writes one in 200 that cannot", { timeout: 60_000 }, async () => {
  for (let count = 0; count < 1000; count++) expect(await publicHalfOf(await newSshKey("rekey"))).toMatchObject({ type: "ssh-ed25519" });
});

test.runIf(existsSync("/usr/bin/ssh"))("OpenSSH's own ssh-keygen reads the new key", async () => {
  const { server, context, leaked } = await account();
  const folder = mkdtempSync(join(tmpdir(), "rekey-ssh-"));
  const [like] = (await sshKey.match?.(context, { attributes: {}, secret: leaked.secret }))?.records ?? [];
  if (like === undefined) throw new Error("expected a record");
  const prepared = await sshKey.prepare?.(context, { name: "rekey-run-1", like, token: "t" });
  if (prepared === undefined) throw new Error("expected a value");
  await sshKey.issue?.(context, { name: "rekey-run-1", like, token: "t", prepared });
  const key = join(folder, "key");
  writeFileSync(key, prepared.secret.reveal(), { mode: 0o600 });
  expect(execFileSync("ssh-keygen", ["-y", "-f", key]).toString()).toContain((await publicHalfOf(prepared.secret.reveal()))?.blob);
  rmSync(folder, { recursive: true, force: true });
  await server.stop();
});
