import { cpSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repository, temporaryFolder } from "../source/repository.ts";
import { openRouterKey, rekey } from "./rekey.ts";

function ids(cwd: string, ...args: string[]): string[] {
  return rekey(cwd, ["scan", "--format", "json", ...args])
    .json()
    .findings.map(({ id }: { id: string }) => id);
}

test("rekey ignore silences one credential anywhere, on every machine, and leaves the rest", () => {
  const [test, live] = [openRouterKey(), openRouterKey()];
  const made = repository();
  made.commit("a", { "test/a.env": `K=${test}\n`, "live.env": `K=${live}\n` });
  const report = rekey(made.path, ["scan", "--format", "json"]).json();
  const { id } = report.findings.find(({ location }: { location: { path: string } }) => location.path === "test/a.env");
  const { status, stdout } = rekey(made.path, ["ignore", id, "--reason", "made up for the tests"]);
  expect([status, stdout]).toEqual([
    0,
    "OpenRouter API key in test/a.env:1 is ignored by .rekey/ignore.yml and .rekey/salt; the ids of all findings change with it. Commit it\n",
  ]);
  made.write("moved/elsewhere.txt", `\n\n  "${test}"\n`);
  const other = temporaryFolder();
  cpSync(made.path, other, { recursive: true });
  for (const [cwd, env] of [
    [made.path, {}],
    [other, { REKEY_FINGERPRINT_KEY: "77".repeat(32) }],
    [other, { REKEY_FINGERPRINT_KEY: "", CI: "true" }],
  ] as const) {
    const { findings } = rekey(cwd, ["scan", "--format", "json"], { env }).json();
    expect(findings.map(({ location }: { location: { path: string } }) => location.path)).toEqual(["live.env"]);
  }
  expect(rekey(made.path, ["explain", "moved/elsewhere.txt:3"]).stdout).toContain(
    "OpenRouter API key (openrouter-api-key) is silenced by .rekey/ignore.yml: made up for the tests",
  );
  const again = rekey(made.path, ["ignore", id, "--reason", "made up for the tests"]);
  expect(again.status).toBe(2);
}, 30_000);

test("rekey ignore keeps what people wrote, and refuses a missing reason and an unknown id", () => {
  const made = repository();
  const mine = "# ours\nversion: 1\nignore:\n  # fixtures\n  - paths: [fixtures/**]\n    reason: recorded answers\n";
  made.commit("a", { "a.env": `K=${openRouterKey()}\n`, ".rekey/ignore.yml": mine, ".rekey/salt": `${"4c".repeat(32)}\n` });
  const [id = ""] = ids(made.path);
  expect(rekey(made.path, ["ignore", id]).stderr).toContain("required option '--reason <text>'");
  expect(rekey(made.path, ["ignore", "0000000000000000", "--reason", "why not"]).stderr).toContain("no finding 0000000000000000 here");
  expect(rekey(made.path, ["ignore", id, "--reason", "x"]).stderr).toContain("expected a reason that a colleague understands");
  expect(rekey(made.path, ["ignore", id, "--reason", "accepted by Mara", "--until", "2099-01-01"]).status).toBe(0);
  const text = readFileSync(join(made.path, ".rekey/ignore.yml"), "utf8");
  expect(text.startsWith(mine)).toBe(true);
  expect(text.slice(mine.length)).toMatch(
    /^ {2}- fingerprint: rs1:[0-9a-f]{8}:[\w-]{43}\n {4}reason: accepted by Mara\n {4}until: 2099-01-01\n$/,
  );
  expect(ids(made.path)).toEqual([]);
}, 30_000);

test("a baseline silences what is known; a new key is reported; writing again keeps the rest", () => {
  const made = repository();
  made.commit("a", { "a.env": `K=${openRouterKey()}\n`, "b.env": `K=${openRouterKey()}\n` });
  expect(rekey(made.path, ["baseline", "write"]).stdout).toMatch(
    /^2 entries written to .*\.rekey\/baseline\. Commit it together with \.rekey\/salt\n$/,
  );
  const written = readFileSync(join(made.path, ".rekey/baseline"), "utf8");
  const lines = written.trimEnd().split("\n").slice(1);
  expect(lines).toEqual(lines.toSorted());
  for (const line of lines) expect(line).toMatch(/^rs1:[0-9a-f]{8}:[\w-]{43} {2}# openrouter-api-key$/);
  expect(ids(made.path)).toEqual([]);
  made.write("c.env", `K=${openRouterKey()}\n`);
  expect(ids(made.path)).toHaveLength(1);
  expect(rekey(made.path, ["baseline", "write"]).stdout).toMatch(/^3 entries/);
  expect(readFileSync(join(made.path, ".rekey/baseline"), "utf8").split("\n")).toEqual(expect.arrayContaining(lines));
  expect(ids(made.path)).toEqual([]);
  expect(rekey(made.path, ["baseline", "write", "elsewhere.txt"]).status).toBe(0);
  expect(existsSync(join(made.path, "elsewhere.txt"))).toBe(true);
}, 30_000);

test("two branches that each write a baseline and a salt merge without a conflict, and both are known", () => {
  const made = repository();
  made.commit("base", { "a.txt": "a\n" });
  for (const name of ["one", "two"]) {
    made.git("checkout", "--quiet", "-b", name, "main");
    made.write(`${name}.env`, `K=${openRouterKey()}\n`);
    expect(rekey(made.path, ["baseline", "write"]).status).toBe(0);
    made.commit(name);
  }
  made.git("merge", "--quiet", "-m", "merge", "one");
  expect(readFileSync(join(made.path, ".rekey/salt"), "utf8").trim().split("\n")).toHaveLength(2);
  expect(ids(made.path)).toEqual([]);
}, 30_000);

test("an entry whose salt is gone is reported and not applied", () => {
  const made = repository();
  made.commit("a", { "a.env": `K=${openRouterKey()}\n` });
  rekey(made.path, ["baseline", "write"]);
  made.write(".rekey/salt", `${"4c".repeat(32)}\n`);
  const { status, stderr } = rekey(made.path, ["scan"]);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^rekey scan: entries with salt [0-9a-f]{8} are not applied: \.rekey\/salt has no such salt\n$/);
}, 20_000);

test("an inline allow needs a reason", () => {
  const made = repository();
  made.commit("a", { "a.py": `a = "${openRouterKey()}"  # rekey:allow documented example\nb = "${openRouterKey()}"  # rekey:allow\n` });
  const { findings } = rekey(made.path, ["scan", "--format", "json"]).json();
  expect(findings.map(({ location }: { location: { startLine: number } }) => location.startLine)).toEqual([2]);
  expect(rekey(made.path, ["explain", "a.py:1"]).stdout).toContain("is silenced by rekey:allow on its line: documented example");
  expect(rekey(made.path, ["explain", "a.py:2:1"]).stdout).toContain("rekey:allow stands on the line, without a reason behind it");
  expect(rekey(made.path, ["explain", "a.py:3"]).stdout).toBe(
    "a.py:3\nNo detector sees a credential on this line. In this file there are credentials on lines 1, 2.\n",
  );
  expect(rekey(made.path, ["explain", "a.py"]).stderr).toContain("expected a file and a line, path:line, got 'a.py'");
}, 30_000);
