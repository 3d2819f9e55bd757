import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import { repository, temporaryFolder } from "../source/repository.ts";
import { openRouterKey, rekey } from "./rekey.ts";

const schema = JSON.parse(readFileSync(new URL("../../docs/schema/scan.schema.json", import.meta.url), "utf8"));
const isReport = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true }).compile(schema);

function valid(report: unknown): unknown {
  isReport(report);
  expect(isReport.errors).toBeNull();
  return report;
}

test("a clean tree: exit 0, one valid object, nothing on stderr", () => {
  const made = repository();
  made.commit("a", { "a.txt": "nothing here\n" });
  const { status, stdout, stderr, json } = rekey(made.path, ["scan", "--format", "json"]);
  expect([status, stderr]).toEqual([0, ""]);
  expect(valid(json())).toEqual({ version: 1, findings: [], stats: { files: 1, bytes: 13, skipped: [], complete: true } });
  expect(stdout.endsWith("}\n")).toBe(true);
});

test("a key in an agent's configuration: exit 1, whose it is, and never the value, in every format", () => {
  const key = openRouterKey();
  const made = repository();
  const config = { mcpServers: { search: { command: "npx", env: { OPENROUTER_API_KEY: key } } } };
  made.commit("a", { ".mcp.json": JSON.stringify(config, null, 2), ".github/CODEOWNERS": "/.mcp.json @mara\n" });
  const json = rekey(made.path, ["scan", "--format", "json"]);
  expect(json.status).toBe(1);
  const report = json.json();
  valid(report);
  expect(report.findings).toMatchObject([
    {
      detector: "openrouter-api-key",
      provider: "openrouter",
      location: { kind: "file", path: ".mcp.json", startLine: 6, startColumn: 32, endLine: 6, endColumn: 32 + key.length },
      slot: { client: "claude-code", kind: "literal", variable: "OPENROUTER_API_KEY" },
      occurrences: 1,
    },
  ]);
  expect(report.findings[0].identities).toContainEqual(
    expect.objectContaining({ kind: "mcp-server", name: "search", relation: "used_by", grade: "strong", owner: "@mara" }),
  );
  const text = rekey(made.path, ["scan"]);
  expect(text.stdout).toContain("mcp-server search, owner @mara (used by, strong)");
  expect(text.stdout).toContain("  revoke      https://openrouter.ai/settings/keys\n");
  const sarif = rekey(made.path, ["scan", "--format", "sarif", "--history"]);
  expect(sarif.json().runs[0].results).toHaveLength(1);
  for (const { stdout, stderr } of [json, text, sarif])
    for (const form of [key, key.slice(-20), Buffer.from(key).toString("base64"), Buffer.from(key).toString("hex")])
      expect(stdout + stderr).not.toContain(form);
}, 20_000);

test("history, staged, range and stdin, each valid against the schema", () => {
  const [gone, ranged, staged] = [openRouterKey(), openRouterKey(), openRouterKey()];
  const made = repository();
  const first = made.commit("a", { "a.env": `KEY=${gone}\n` });
  made.commit("b", { "a.env": "KEY=\n" });
  made.commit(`c\n\nuse ${ranged}`, { "b.txt": "b\n" });
  made.write("c.env", `KEY=${staged}\n`);
  made.git("add", "c.env");
  const find = (...args: string[]) => {
    const { status, json } = rekey(made.path, ["scan", "--format", "json", ...args]);
    const report = json();
    valid(report);
    return [status, report.findings.map(({ location }: { location: { kind: string; path?: string } }) => location.path ?? location.kind)];
  };
  expect(find("--history")).toEqual([1, ["commit-message", "a.env"]]);
  expect(find("--range", `${first}..main`)).toEqual([1, ["commit-message"]]);
  expect(find("--range", `${"0".repeat(40)}..${first}`)).toEqual([1, ["a.env"]]);
  expect(find("--staged")).toEqual([1, ["c.env"]]);
  const piped = rekey(made.path, ["scan", "-", "--format", "json"], { input: `x ${staged}` });
  expect(piped.status).toBe(1);
  valid(piped.json());
  expect(piped.json().findings[0].location).toEqual({
    kind: "stdin",
    startLine: 1,
    startColumn: 3,
    endLine: 1,
    endColumn: 3 + staged.length,
  });
}, 20_000);

test("ids count from the top of the repository, paths from what was scanned", () => {
  const made = repository();
  made.commit("a", { "apps/web/a.env": `KEY=${openRouterKey()}\n` });
  const [whole, part, file] = [".", "apps/web", "apps/web/a.env"].map((path) =>
    rekey(made.path, ["scan", path, "--format", "json"]).json(),
  );
  expect([whole, part, file].map(({ findings }) => findings[0].location.path)).toEqual(["apps/web/a.env", "a.env", "a.env"]);
  expect(new Set([whole, part, file].map(({ findings }) => findings[0].id)).size).toBe(1);
  expect(rekey(made.path, ["scan", "apps/web"]).stdout).toContain("apps/web/a.env:1:5");
  const sarif = rekey(made.path, ["scan", "apps/web", "--format", "sarif"]).json();
  expect(sarif.runs[0].results[0].locations[0].physicalLocation.artifactLocation.uri).toBe("apps/web/a.env");
}, 20_000);

test("a remote repository is cloned, its whole history scanned, its own rules not obeyed, and nothing left behind", () => {
  const key = openRouterKey();
  const made = repository();
  made.commit("a", {
    "a.env": `KEY=${key} # rekey:allow\n`,
    ".rekey/ignore.yml": "version: 1\nignore: [{ paths: ['**'], reason: hide it }]\n",
  });
  made.commit("b", { "a.env": "" });
  const temporary = temporaryFolder();
  const here = temporaryFolder();
  const { status, json } = rekey(here, ["scan", `file://${made.path}`, "--format", "json"], { env: { TMPDIR: temporary } });
  expect(status).toBe(1);
  expect(json().findings[0].location).toMatchObject({ path: "a.env" });
  expect(rekey(temporary, ["scan", "--format", "json"]).json().stats.files).toBe(0);
}, 20_000);

test("incomplete: exit 2 without findings, 1 with them", () => {
  const made = repository();
  made.commit("a", { "a.txt": "x\n", "b.zip": "not a zip" });
  const clean = rekey(made.path, ["scan", "--format", "json"]);
  expect(clean.status).toBe(2);
  expect(clean.json().stats).toMatchObject({ complete: false, skipped: [{ path: "b.zip" }] });
  made.write("c.env", openRouterKey());
  const found = rekey(made.path, ["scan"]);
  expect(found.status).toBe(1);
  expect(found.stdout).toContain("The scan is not complete");
}, 20_000);

test("a report can be written to a file", () => {
  const made = repository();
  made.commit("a", { "a.env": openRouterKey() });
  const { status, stdout } = rekey(made.path, ["scan", "--format", "json", "--output", "../report.json"]);
  expect([status, stdout]).toEqual([1, ""]);
  valid(JSON.parse(readFileSync(join(made.path, "../report.json"), "utf8")));
});

const wrong: [string, string[], string][] = [
  ["a path that is not there", ["nowhere"], "expected a file or folder to scan; there is no 'nowhere'"],
  ["two modes", ["--history", "--staged"], "expected at most one of --history, --staged, --range"],
  ["history of stdin", ["-", "--history"], "what is piped in has no history"],
  ["a range that is none", ["--range", "main"], "expected a range a..b of two commits, got 'main'"],
  ["a range of unknown commits", ["--range", "main..nope"], "expected a commit, tag or branch, got 'nope'"],
  ["a range that smells of an option", ["--range=--output=x..main"], "expected a range a..b"],
  ["an unknown format", ["--format", "xml"], "Allowed choices are text, json, sarif"],
  ["a password in an address", ["https://dev:pass@127.0.0.1/x.git"], "the address holds a password"],
  ["plain http to another machine", ["http://192.0.2.1/x.git"], "plain http is only used on this machine"],
  ["another protocol", ["ext://x"], "expected the address of a repository (https://… or ssh://…), got one that begins with ext://"],
  ["a baseline that is not there", ["--baseline", "none"], "none: no such file"],
  ["a folder for the report that is not there", ["--output", "no/such/file"], "the report cannot be written"],
];

test("wrong usage: exit 2, one line that says what was expected, nothing on stdout", () => {
  const made = repository();
  made.commit("a", { "a.txt": "a\n" });
  for (const [what, args, message] of wrong) {
    const { status, stdout, stderr } = rekey(made.path, ["scan", ...args]);
    expect([what, status, stdout]).toEqual([what, 2, ""]);
    expect(stderr).toContain(message);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  }
  expect(rekey(temporaryFolder(), ["scan", "--history"]).stderr).toContain("expected a git repository at '.'");
}, 30_000);

test("--help names every option and the exit codes", () => {
  const { status, stdout } = rekey(temporaryFolder(), ["scan", "--help"]);
  expect(status).toBe(0);
  for (const word of [
    "--history",
    "--staged",
    "--range",
    "--format",
    "--baseline",
    "--output",
    "--no-progress",
    "--detectors",
    "Exit codes: 0 clean",
  ])
    expect(stdout).toContain(word);
});

test("a commit hook sees what git commit -a is about to commit, and stops it", () => {
  const made = repository();
  made.commit("a", { "a.env": "KEY=\n", "b.txt": "b\n" });
  const cli = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));
  const hook = `#!/bin/sh\nREKEY_FINGERPRINT_KEY=${"5a".repeat(32)} exec '${process.execPath}' '${cli}' scan --staged >&2\n`;
  made.write(".git/hooks/pre-commit", hook);
  chmodSync(join(made.path, ".git/hooks/pre-commit"), 0o755);
  const before = made.git("rev-parse", "HEAD");
  made.write("a.env", `KEY=${openRouterKey()}\n`);
  expect(() => made.git("commit", "--quiet", "-a", "-m", "leak")).toThrow(/OpenRouter API key {2}a\.env:1:5/);
  expect(() => made.git("commit", "--quiet", "-m", "leak", "a.env")).toThrow(/a\.env:1:5/);
  expect(made.git("rev-parse", "HEAD")).toBe(before);
  made.write("b.txt", "harmless\n");
  made.git("commit", "--quiet", "-m", "fine", "b.txt");
  expect(made.git("rev-parse", "HEAD")).not.toBe(before);
}, 20_000);
