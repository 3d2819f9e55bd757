import { once } from "node:events";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { gitEnvironment, hookEnvironment } from "../../src/config/git-environment.ts";
import { readObjects } from "../../src/git/cat-file.ts";
import { argument, GitError, git, gitStream, gitText, isLoopback } from "../../src/git.ts";
import { repository, temporaryFolder } from "../source/repository.ts";

test("an option where a revision or path is expected is refused", () => {
  for (const text of ["-x", "--output=/etc/passwd", "", "a\0b", "a\nb"])
    expect(() => argument(text)).toThrow("expected a git revision or path");
  for (const text of ["main", "HEAD~2", "refs/heads/-x", "a b", "é"]) expect(argument(text)).toBe(text);
});

test("a failure gives the exit code and what git said, without addresses", async () => {
  const { path } = repository();
  const failing = gitText(["fetch", "https://dev:hunter2@127.0.0.1:1/x.git"], {
    cwd: path,
    remote: { url: "https://dev:hunter2@127.0.0.1:1/x.git" },
  });
  const error = await failing.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(GitError);
  expect(String(error)).toContain("git fetch failed (128)");
  expect(String(error)).not.toContain("hunter2");
});

test("an answer that is larger than allowed ends git; an early end of reading does too", async () => {
  const made = repository();
  made.commit("a", { "big.bin": Buffer.alloc(3 << 20) });
  const blob = made.git("rev-parse", "HEAD:big.bin").trim();
  await expect(git(["cat-file", "blob", blob], { cwd: made.path, maxBytes: 1 << 20 })).rejects.toThrow("more than 1048576 bytes");
  for await (const chunk of gitStream(["cat-file", "blob", blob], { cwd: made.path })) {
    expect(chunk.length).toBeGreaterThan(0);
    break;
  }
});

test("a command that takes too long is killed", async () => {
  const { path } = repository();
  const server = createServer(() => undefined).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close().closeAllConnections());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x.git`;
  await expect(git(["fetch", url], { cwd: path, timeout: 300, remote: { url, loopback: true } })).rejects.toThrow("(killed)");
});

test("nothing that a repository configures is run", async () => {
  const made = repository();
  made.commit("a", { "a.txt": "a\n" });
  const ran = join(made.path, "ran");
  const program = join(made.path, "program.sh");
  writeFileSync(program, `#!/bin/sh\necho "$0" >> '${ran}'\n`);
  chmodSync(program, 0o755);
  writeFileSync(join(made.path, ".git/hooks/post-index-change"), `#!/bin/sh\necho hook >> '${ran}'\n`, { mode: 0o755 });
  for (const key of ["core.fsmonitor", "core.pager", "diff.external", "core.sshCommand", "gpg.program", "credential.helper", "core.editor"])
    made.git("config", key, program);
  made.git("config", "log.showSignature", "true");
  made.git("config", "diff.x.textconv", program);
  writeFileSync(join(made.path, ".gitattributes"), "* diff=x filter=x\n");
  made.git("config", "filter.x.clean", program);
  const cwd = made.path;
  await git(["log", "--raw", "--all"], { cwd });
  await git(["diff-index", "--cached", "--raw", "HEAD"], { cwd });
  await git(["ls-tree", "-r", "HEAD"], { cwd });
  await git(["for-each-ref"], { cwd });
  for await (const { bytes } of readObjects(cwd, [made.git("rev-parse", "HEAD").trim()], { maxBytes: 1000 })) expect(bytes).toBeDefined();
  expect(existsSync(ran)).toBe(false);
});

test("without a remote git may speak to nobody, also not to a promisor; files, ext and plain http only when allowed", async () => {
  const made = repository();
  made.commit("a", { "a.txt": "a\n" });
  const cwd = temporaryFolder();
  const clone = (url: string, remote: object) =>
    git(["clone", "--quiet", "--bare", "--", url, "x.git"], { cwd, remote: { url, ...remote } });
  const file = `file://${made.path}`;
  await expect(clone(file, {})).rejects.toThrow("not allowed");
  await expect(clone("ext::sh -c touch% ran", {})).rejects.toThrow("not allowed");
  await expect(clone("http://192.0.2.1/x.git", { loopback: true })).rejects.toThrow("not allowed");
  await clone(file, { file: true });
  expect(existsSync(join(cwd, "x.git/HEAD"))).toBe(true);
});

test("a token goes out as a header only: not in argv, not in a file, not after a redirect", async () => {
  const seen: { url: string | undefined; headers: IncomingHttpHeaders }[] = [];
  const server = createServer(({ url, headers }, response) => {
    seen.push({ url, headers });
    response.writeHead(url?.startsWith("/moved") ? 404 : 302, { location: `http://localhost:${port}/moved/info/refs` }).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/o/r.git`;
  const { path } = repository();
  await expect(git(["fetch", url], { cwd: path, remote: { url, token: "t0ken", loopback: true } })).rejects.toThrow(GitError);
  const expected = `Basic ${Buffer.from("x-access-token:t0ken").toString("base64")}`;
  expect(seen.map(({ url: asked, headers }) => [asked, headers.authorization])).toEqual([
    ["/o/r.git/info/refs?service=git-upload-pack", expected],
  ]);
  expect(readFileSync(join(path, ".git/config"), "utf8")).not.toContain("t0ken");
});

test("git inherits neither the caller's repository nor its configuration or tracing", () => {
  const own = {
    PATH: "/bin",
    GIT_DIR: "x",
    GIT_CONFIG_COUNT: "1",
    GIT_TRACE: "1",
    GIT_EXTERNAL_DIFF: "x",
    SECRET: "x",
    SSH_AUTH_SOCK: "s",
  };
  expect(gitEnvironment(own)).toEqual({ PATH: "/bin", SSH_AUTH_SOCK: "s" });
  expect(hookEnvironment({ ...own, GIT_INDEX_FILE: "i" })).toEqual({ GIT_DIR: "x", GIT_INDEX_FILE: "i" });
});

test("loopback is this machine and nothing that only looks like it", () => {
  for (const url of ["http://127.0.0.1:3/x", "http://localhost/x", "http://[::1]:9/x", "http://127.1.2.3/"])
    expect(isLoopback(url)).toBe(true);
  for (const url of [
    "http://127.0.0.1.example.org/",
    "http://localhost.example.org/",
    "http://10.0.0.1/",
    "http://127.0.0.1@example.org/",
    "x",
  ])
    expect(isLoopback(url)).toBe(false);
});

test("objects come in the order asked for, with what is missing and what is too large", async () => {
  const made = repository();
  made.commit("a", { "a.txt": "small", "b.bin": Buffer.alloc(200_000, 1), "c.txt": "" });
  const [a, b, c] = ["a.txt", "b.bin", "c.txt"].map((name) => made.git("rev-parse", `HEAD:${name}`).trim());
  const absent = "1".repeat(40);
  const read: unknown[] = [];
  for await (const { id, type, size, bytes } of readObjects(made.path, [b ?? "", absent, a ?? "", c ?? "", a ?? ""], { maxBytes: 100_000 }))
    read.push([id, type, size, bytes?.toString()]);
  expect(read).toEqual([
    [b, "blob", 200_000, undefined],
    [absent, "missing", 0, undefined],
    [a, "blob", 5, "small"],
    [c, "blob", 0, ""],
    [a, "blob", 5, "small"],
  ]);
});

test("an object id that is none is refused", async () => {
  const { path } = repository();
  await expect(readObjects(path, ["HEAD"], { maxBytes: 1 }).next()).rejects.toThrow("expected a git revision");
});
