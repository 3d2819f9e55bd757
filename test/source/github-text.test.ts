import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseRepository, repositoryLists } from "../../src/cli/github-lists.ts";
import { loadRuleset } from "../../src/config/detectors.ts";
import type { Ruleset } from "../../src/detector/compile.ts";
import { expandTemplate } from "../../src/detector/template.ts";
import { RetryError } from "../../src/errors.ts";
import { pinOf, request } from "../../src/http.ts";
import { scan } from "../../src/scan/scan.ts";
import { scopeSalt } from "../../src/secret.ts";
import { type ListPage, scanGitHubText } from "../../src/source/github-text.ts";
import { type GitHubStandIn, startGitHub } from "../../src/stand-in/github/server.ts";
import type { Repository, User } from "../../src/stand-in/github/state.ts";
import { heldToDescription } from "../github/openapi/conformance.ts";

const key = () => expandTemplate("sk-or-v1-{hex:64}", (below) => randomInt(below));
const keyring = { tenant: [], salts: [scopeSalt("t")] };
let [github, repository, mara]: [GitHubStandIn | undefined, Repository | undefined, User | undefined] = [undefined, undefined, undefined];
let folder: string;
let conforms: () => void;
let ruleset: Ruleset;

beforeAll(async () => {
  ruleset = await loadRuleset();
  folder = await mkdtemp(join(tmpdir(), "rekey-text-"));
  github = await startGitHub({ folder });
  conforms = heldToDescription(github);
  mara = github.addUser("mara");
  repository = await github.addRepository("acme", "app", { private: true, roles: { mara: "admin" } });
});
afterAll(async () => {
  await github?.stop();
  await rm(folder, { recursive: true, force: true });
  conforms();
});

async function write(path: string, body: object): Promise<{ number: number; id: number }> {
  const url = `${github?.url}/repos/acme/app${path}`;
  const headers = { authorization: `Bearer ${mara?.token}`, "content-type": "application/json" };
  const answer = await request({ method: "POST", url, headers, body: JSON.stringify(body), pins: [pinOf(url)], timeout: 5000 });
  expect(answer.status).toBeLessThan(300);
  return JSON.parse(answer.body.toString());
}

function found(list: ListPage) {
  return scanGitHubText({ list, repository: "github.com/acme/app", scan: (document) => scan(document, ruleset, keyring) });
}

test("issues, pull requests, comments, reviews and their notes, page by page", async () => {
  const said = { title: key(), body: key(), comment: key(), review: key(), note: key() };
  const issue = await write("/issues", { title: `please use ${said.title}`, body: "no" });
  for (let count = 0; count < 120; count++) await write(`/issues/${issue.number}/comments`, { body: `comment ${count}` });
  const last = await write(`/issues/${issue.number}/comments`, { body: `and\n\n    ${said.comment}\n` });
  github?.state.pulls.push({
    id: 900,
    number: 77,
    repository: repository?.id ?? 0,
    title: "Change",
    body: `test with ${said.body}`,
    author: "mara",
    head: "h",
    headRepository: repository?.id ?? 0,
    draft: false,
    base: "main",
    headSha: "0".repeat(40),
    baseSha: "0".repeat(40),
    state: "closed",
    createdAt: "2026-01-01T00:00:00Z",
    updatedAt: "2026-01-01T00:00:00Z",
  });
  const comments = [{ path: "a", line: 1, side: "RIGHT", body: said.note }];
  github?.state.reviews.push({ id: 5, repository: repository?.id ?? 0, pull: 77, body: said.review, comments });
  const lists = repositoryLists({ api: github?.url ?? "", token: mara?.token }, { owner: "acme", repo: "app" });
  const { findings, stats } = await found(lists);
  expect(findings.map(({ location }) => [location.kind, location.path, location.startLine])).toEqual([
    ["github-text", `issues/${issue.number}`, 1],
    ["github-text", "pulls/77", 3],
    ["github-text", `issues/${issue.number}/comments/${last.id}`, 3],
    ["github-text", "pulls/77/comments/5000", 1],
    ["github-text", "pulls/77/reviews/5", 1],
  ]);
  expect(findings[2]?.locator).toMatchObject({ source: "github-text", node: String(last.id), repository: "github.com/acme/app" });
  expect(stats).toMatchObject({ files: 125, complete: true, skipped: [] });
  for (const value of Object.values(said)) expect(JSON.stringify(findings)).not.toContain(value);
});

test("a repository that is not there, or not for this token, is said", async () => {
  const lists = repositoryLists({ api: github?.url ?? "", token: undefined }, { owner: "acme", repo: "app" });
  await expect(found(lists)).rejects.toThrow(/GitHub (?:knows no repository|refused)/);
});

test("a limit in the middle keeps what was found and makes the scan incomplete; at the start it is an error", async () => {
  const value = key();
  const limited: ListPage = async (path) => {
    if (path.startsWith("/issues?")) return [{ id: 1, number: 1, title: value }];
    throw new RetryError("GitHub asked to wait");
  };
  const { findings, stats } = await found(limited);
  expect(findings).toHaveLength(1);
  expect(stats).toMatchObject({ complete: false, skipped: [{ path: ".", reason: "GitHub asked to wait: the rest was not read" }] });
  await expect(
    found(async () => {
      throw new RetryError("GitHub asked to wait");
    }),
  ).rejects.toThrow(RetryError);
});

test.each([
  ["acme/app", { owner: "acme", repo: "app" }],
  ["https://github.com/acme/app.git", { owner: "acme", repo: "app" }],
])("%s is a repository", (text, expected) => {
  expect(parseRepository(text)).toEqual(expected);
});

test.each(["acme", "acme/app/issues", "../x", "https://x"])("%s is none", (text) => {
  expect(() => parseRepository(text)).toThrow(/owner\/name/);
});
