import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { openRouterKey, rekey } from "./rekey.ts";

const folder = mkdtempSync(join(tmpdir(), "rekey-action-"));
const work = join(folder, "work");
const old = openRouterKey();
const added = openRouterKey();
let base = "";
let head = "";
const hostile = "a,b:c%0A::error::x.env";

function git(...args: string[]): string {
  const env = {
    ...process.env,
    GIT_AUTHOR_NAME: "d",
    GIT_AUTHOR_EMAIL: "d@acme.example",
    GIT_COMMITTER_NAME: "d",
    GIT_COMMITTER_EMAIL: "d@acme.example",
  };
  return execFileSync("git", args, { cwd: work, env, encoding: "utf8" }).trim();
}

beforeAll(() => {
  mkdirSync(work);
  git("init", "--quiet", "--initial-branch=main");
  writeFileSync(join(work, "old.env"), `KEY=${old}\n`);
  git("add", ".");
  git("commit", "--quiet", "-m", "base");
  base = git("rev-parse", "HEAD");
  writeFileSync(join(work, hostile), `A=1\nKEY=${added}\n`);
  git("add", ".");
  git("commit", "--quiet", "-m", "head");
  head = git("rev-parse", "HEAD");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function action(event: object, ...args: string[]) {
  const files = {
    GITHUB_EVENT_PATH: join(folder, "event.json"),
    GITHUB_STEP_SUMMARY: join(folder, "summary"),
    GITHUB_OUTPUT: join(folder, "output"),
  };
  for (const file of [files.GITHUB_STEP_SUMMARY, files.GITHUB_OUTPUT]) writeFileSync(file, "");
  writeFileSync(files.GITHUB_EVENT_PATH, JSON.stringify(event));
  const ran = rekey(work, ["action", ...args], { env: { ...files, RUNNER_TEMP: folder, CI: "true", REKEY_FINGERPRINT_KEY: "" } });
  return { ...ran, summary: readFileSync(files.GITHUB_STEP_SUMMARY, "utf8"), output: readFileSync(files.GITHUB_OUTPUT, "utf8") };
}

test("a pull request: only what it adds, beside its line, in summary and SARIF; no value anywhere", () => {
  const ran = action({ pull_request: { base: { sha: base }, head: { sha: head } } });
  expect(ran.status, ran.stderr).toBe(1);
  expect(ran.stdout).toMatch(/^::error file=a%2Cb%3Ac%250A%3A%3Aerror%3A%3Ax\.env,line=2,endLine=2,title=OpenRouter API key::/);
  expect(ran.stdout.trim().split("\n")).toHaveLength(1);
  expect(ran.output).toBe(`findings=1\nsarif=${join(folder, "rekey.sarif")}\n`);
  expect(ran.summary).toContain("## 1 leaked credential");
  const sarif = readFileSync(join(folder, "rekey.sarif"), "utf8");
  expect(JSON.parse(sarif).runs[0].results).toHaveLength(1);
  for (const text of [ran.stdout, ran.stderr, ran.summary, sarif]) expect(text).not.toMatch(new RegExp(`${old}|${added}`));
});

test("a push is what it pushed; another event is the whole tree; never fails where it shall not", () => {
  expect(action({ before: base, after: head }).output).toContain("findings=1\n");
  expect(action({ schedule: "x" }).output).toContain("findings=2\n");
  expect(action({ before: "0".repeat(40), after: head }).output).toContain("findings=2\n");
  expect(action({ before: base, after: head }, "--fail-on", "never").status).toBe(0);
  expect(action({ before: base, after: head }, "--fail-on", "loud")).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("high, medium, low, never"),
  });
});

test("a checkout without the history says what to do", () => {
  const ran = action({ pull_request: { base: { sha: "1".repeat(40) }, head: { sha: head } } });
  expect(ran).toMatchObject({ status: 2, stderr: expect.stringContaining("fetch-depth: 0") });
});

test("action.yml hands its inputs over as variables, never as a part of the script", () => {
  const manifest = parse(readFileSync(new URL("../../action.yml", import.meta.url), "utf8"));
  const [step] = manifest.runs.steps;
  expect(step.run).not.toContain("${{");
  expect(Object.keys(manifest.inputs)).toEqual(["path", "fail-on"]);
});
