import { expect, test } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { consumersOf, declarationOf, environmentOf, parseIdentitiesFile, sinksOf } from "../../src/identity/declared.ts";
import { buildGraph, overlay } from "../../src/identity/graph.ts";
import { inventoryPaths } from "../../src/identity/inventory.ts";

const path = ".rekey/identities.yml";
const entry = (more: string) => `version: 1\nidentities:\n  - kind: agent\n    name: a\n${more}`;

test.each([
  ["version: 2\nidentities: []\n", ".rekey/identities.yml:1:10: version: "],
  [entry("    colour: red\n"), ".rekey/identities.yml:5:5: identities.0: unknown key 'colour'"],
  [entry("    owner: mara\n"), ".rekey/identities.yml:5:12: identities.0.owner: expected '@user', '@org/team' or an e-mail address"],
  [
    entry("    credentials: [{ detector: Not An Id }]\n"),
    ".rekey/identities.yml:5:31: identities.0.credentials.0.detector: expected a detector's id",
  ],
  [entry("    credentials:\n      - detector: d\n        consumers: some\n"), ".rekey/identities.yml:7:20: "],
  [entry("    credentials:\n      - detector: d\n        consumers: []\n"), ".rekey/identities.yml:7:20: "],
  [entry("    credentials:\n      - detector: d\n        consumers: [{ name: a, report: never }]\n"), ".rekey/identities.yml:7:40: "],
  [entry("  - kind: agent\n    name: a\n"), ".rekey/identities.yml:5:5: identities.1: agent 'a' is declared twice"],
  ["version: 1\nidentities: [\n", ".rekey/identities.yml:"],
  ["version: 1\nidentities:\n  - kind: robot\n    name: a\n", ".rekey/identities.yml:3:11: identities.0.kind: "],
])("%j is refused with its place", (text, message) => {
  expect(() => parseIdentitiesFile(text, path)).toThrow(ConfigError);
  expect(() => parseIdentitiesFile(text, path)).toThrow(message);
});

test("companions and the format of a field are read, and nothing else is", () => {
  const stored = (more: string) =>
    entry(`    credentials:\n      - detector: d\n        stored_in: [{ connection: c, path: p, field: F, ${more} }]\n`);
  const declared = parseIdentitiesFile(stored("companions: { username: PGUSER }, format: url"), path);
  expect(sinksOf(`agent:h/o/r#${path}#a`, "d", declared)).toEqual([
    { connection: "c", path: "p", field: "F", companions: { username: "PGUSER" }, format: "url" },
  ]);
  for (const wrong of ["format: json", "companions: { User: X }", "companions: [username]", "companion: { username: X }"])
    expect(() => parseIdentitiesFile(stored(wrong), path), wrong).toThrow(ConfigError);
});

test("no consumers, unknown consumers and none are three answers", () => {
  const of = (consumers: string) => {
    const declared = parseIdentitiesFile(entry(`    credentials:\n      - detector: d\n${consumers}`), path);
    return consumersOf(`agent:h/o/r#${path}#a`, "d", declared);
  };
  expect(of("        consumers: none\n")).toEqual({ kind: "none" });
  expect(of("")).toEqual({ kind: "unknown" });
  expect(of("        consumers: [{ name: c, report: last-used }]\n")).toEqual({
    kind: "declared",
    consumers: [{ name: "c", report: "last-used" }],
  });
});

test("a declaration with an error declares nothing, and the graph says so", () => {
  const graph = buildGraph({ scope: ".", files: [{ path, text: "version: 1\nidentities: nobody\n" }], findings: [], storeMatches: [] });
  expect(graph.declared).toBeUndefined();
  expect(graph.identities).toEqual([]);
  expect(graph.problems).toMatchObject([{ path, line: 2 }]);
});

test("a declaration with an id is about the inferred identity of that id", () => {
  const id = "mcp-server:.#.mcp.json#s";
  const text = `version: 1\nidentities:\n  - kind: mcp-server\n    name: Search\n    id: '${id}'\n    owner: '@acme/search'\n`;
  const mcp = JSON.stringify({ mcpServers: { s: { command: "x" } } });
  const graph = buildGraph({
    scope: ".",
    files: [
      { path, text },
      { path: ".mcp.json", text: mcp },
      { path: "CODEOWNERS", text: "* @else\n" },
    ],
    findings: [],
    storeMatches: [],
  });
  expect(graph.identities.find((identity) => identity.id === id)).toMatchObject({
    id,
    kind: "mcp-server",
    name: "Search",
    owner: "@acme/search",
    locations: [
      { path, startLine: 3 },
      { path: ".mcp.json", startLine: 1 },
    ],
  });
});

test("a pull request that deletes a config takes its servers with it", () => {
  const base = { scope: ".", files: [{ path: ".mcp.json", text: '{"mcpServers":{"s":{"command":"x"}}}' }], findings: [], storeMatches: [] };
  expect(buildGraph(base).identities.map(({ name }) => name)).toEqual(["Claude Code", "s"]);
  expect(buildGraph(overlay(base, [{ path: ".mcp.json", text: undefined }])).identities).toEqual([]);
});

test("an inventory reads every configuration, and of a monorepo's code what is nearest to the top", () => {
  const code = Array.from({ length: 5000 }, (_, index) => `packages/p${index}/src/a.ts`);
  const paths = ["node_modules/x/.mcp.json", "docs/a.md", "deep/er/.mcp.json", "main.ts", ".rekey/identities.yml", ...code, "docs/leak.md"];
  const said: string[] = [];
  const chosen = inventoryPaths(paths, { also: (path) => path === "docs/leak.md", onLeftOut: (reason) => said.push(reason) });
  expect(said).toEqual([expect.stringMatching(/^2001 code files/)]);
  expect(chosen).toHaveLength(3003);
  expect(chosen).toEqual(chosen.toSorted());
  for (const path of ["deep/er/.mcp.json", "main.ts", ".rekey/identities.yml", "docs/leak.md"]) expect(chosen).toContain(path);
  for (const path of ["node_modules/x/.mcp.json", "docs/a.md"]) expect(chosen).not.toContain(path);
});

test("two credentials of one type are told apart by the variable, or not at all", () => {
  const place = (field: string, consumers: string) =>
    `      - detector: d\n        stored_in: [{ connection: c, path: p/${field}, field: ${field} }]\n        consumers: ${consumers}\n`;
  const declared = parseIdentitiesFile(
    entry(`    credentials:\n${place("A_KEY", "none")}${place("B_KEY", "[{ name: x, report: version }]")}`),
    path,
  );
  const id = `agent:h/o/r#${path}#a`;
  expect(sinksOf(id, "d", declared)).toEqual([]);
  expect(consumersOf(id, "d", declared)).toEqual({ kind: "unknown" });
  expect(sinksOf(id, "d", declared, "B_KEY")).toEqual([{ connection: "c", path: "p/B_KEY", field: "B_KEY" }]);
  expect(consumersOf(id, "d", declared, "A_KEY")).toEqual({ kind: "none" });
  expect(sinksOf(id, "d", declared, "C_KEY")).toEqual([]);
});

test("a name in a pull request cannot pass for a declared identity", () => {
  const declared = parseIdentitiesFile("version: 1\nidentities:\n  - kind: mcp-server\n    name: s\n    environment: staging\n", path);
  expect(environmentOf(`mcp-server:h/o/r#${path}#s`, declared)).toBe("staging");
  expect(environmentOf(`mcp-server:h/o/r#.mcp.json#x#${path}#s`, declared)).toBeUndefined();
  expect(environmentOf(`agent:h/o/r#${path}#s`, declared)).toBeUndefined();
});

test("a declaration that fits by its type alone decides nothing", () => {
  const text =
    "version: 1\nidentities:\n  - kind: agent\n    name: a\n    environment: staging\n    credentials: [{ detector: d, consumers: none }]\n";
  const declared = parseIdentitiesFile(text, path);
  const link = { id: `agent:h/o/r#${path}#a`, kind: "agent" as const, name: "a", relation: "authenticates_as" as const };
  expect(declarationOf([{ ...link, grade: "strong" }], "d", declared)).toMatchObject({
    environment: "staging",
    consumers: { kind: "none" },
    sinks: [],
  });
  expect(declarationOf([{ ...link, grade: "moderate" }], "d", declared)).toBeUndefined();
  expect(declarationOf([{ ...link, grade: "strong", relation: "used_by" }], "d", declared)).toBeUndefined();
});

test("who owns the declarations does not own what they declare", () => {
  const files = [
    { path, text: entry("") },
    { path: "CODEOWNERS", text: "* @acme/security\n" },
  ];
  expect(buildGraph({ scope: ".", files, findings: [], storeMatches: [] }).identities[0]).not.toHaveProperty("owner");
});
