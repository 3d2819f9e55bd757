import { expect, test } from "vitest";
import { controlGaps, parseControls } from "../../src/governance/controls.ts";
import { coverageOf, type Source } from "../../src/governance/coverage.ts";
import { coverageText } from "../../src/report/coverage-text.ts";

const complete = ["ai-red-teaming", "runtime-monitoring", "policy-enforcement"]
  .map(
    (name) =>
      `  ${name}: { build: { owner: '@acme/a' }, runtime: { owner: '@kim', backup: dana@acme.example }, incident-response: { none: done elsewhere } }`,
  )
  .join("\n");

test("a file that names somebody for everything has no gap", () => {
  expect(controlGaps(parseControls(`version: 1\ncontrols:\n${complete}\n`))).toEqual([]);
});

test("without a file, every needed control lacks an owner in every phase", () => {
  expect(controlGaps(undefined)).toHaveLength(9);
});

test("one person alone is a gap, and a further control is asked for the phases that it names only", () => {
  const file = parseControls(`version: 1\ncontrols:\n${complete}\n  key-rotation: { runtime: { owner: '@kim' } }\n`);
  expect(controlGaps(file)).toEqual([
    {
      control: "key-rotation",
      phase: "runtime",
      gap: "no-backup",
      sentence: "key-rotation at runtime hangs on @kim alone: name a backup or a team",
    },
  ]);
});

test.each([
  [
    "version: 1\ncontrols:\n  ai-red-teaming:\n    built: { owner: '@a' }\n",
    ".rekey/controls.yml:4:5: controls.ai-red-teaming: unknown key 'built'",
  ],
  ["version: 1\ncontrols:\n  AI: {}\n", ".rekey/controls.yml:3"],
  ["version: 1\ncontrols:\n  ai-red-teaming:\n    build: { owner: kim }\n", "expected @login, @org/team or an e-mail address"],
  ["version: 1\ncontrols:\n  ai-red-teaming:\n    build: { owner: '@a', none: both }\n", ".rekey/controls.yml:4"],
  ["version: 2\ncontrols: {}\n", ".rekey/controls.yml:1"],
  ["version: 1\n", ".rekey/controls.yml:1"],
])("a wrong file is refused with its line: %j", (text, message) => {
  expect(() => parseControls(text)).toThrow(message);
});

const agent = (name: string) => ({ id: `agent:x#${name}`, kind: "agent", name, repository: "acme/a" });
const app: Source = { name: "App", type: "github-app", kinds: ["leak-in-code"], covers: ({ repository }) => repository === "acme/a" };
const gateway: Source = { name: "gateway", type: "runtime", kinds: ["leak-at-runtime"], covers: ({ name }) => name === "a" };
const vault: Source = { name: "vault", type: "secret-manager", kinds: ["stored-copy"], covers: ({ name }) => name === "a" };

test("an identity is covered while one source each watches its code, its running and its end", () => {
  const coverage = coverageOf([agent("a"), agent("b")], [app, gateway, vault]);
  expect(coverage.uncovered).toEqual([{ ...agent("b"), lacks: ["runtime", "incident-response"], by: ["App"] }]);
  expect(coverage.sources.map(({ identities }) => identities)).toEqual([2, 1, 1]);
  expect(coverage.silent).toEqual(["leak-in-conversation", "runtime-event", "use", "end-of-life"]);
});

test("a source that needs something covers nobody, and says what it needs", () => {
  const coverage = coverageOf([agent("a")], [app, gateway, { ...vault, needs: "it has not been read to the end yet" }]);
  expect(coverage.uncovered).toMatchObject([{ name: "a", lacks: ["incident-response"] }]);
  expect(coverageText(coverage)).toBe(`1 identity, 3 sources
App (github-app): leak-in-code of 1
gateway (runtime): leak-at-runtime of 1
vault (secret-manager): nothing yet: it has not been read to the end yet
not covered: agent a, no owner: incident-response
no source reports leak-in-conversation, runtime-event, stored-copy, use, end-of-life of anybody
`);
});

test("a name steers no terminal", () => {
  expect(coverageText(coverageOf([agent("a\u001b[31m\u202e\n")], []))).not.toMatch(/\u001b|\u202e/);
});
