import { expect, test } from "vitest";
import { consumersOf, environmentOf, sinksOf } from "../../src/identity/declared.ts";
import { buildGraph, type GraphInput, linksFor, overlay } from "../../src/identity/graph.ts";
import { findingAt, openRouterKey } from "./finding.ts";

const mcp = (value: string) =>
  JSON.stringify(
    { mcpServers: { openrouter: { command: "npx", args: ["-y", "mcp-openrouter"], env: { OPENROUTER_API_KEY: value } } } },
    null,
    2,
  );

const identities = `version: 1
identities:
  - kind: agent
    name: triage-agent
    owner: '@mara'
    environment: staging
    credentials:
      - detector: openrouter-api-key
        stored_in: [{ connection: demo-store, path: secret/agents/triage, field: OPENROUTER_API_KEY }]
        consumers: [{ name: triage-agent, report: version }]
`;

const scope = "github.com/acme/triage";
const main: GraphInput = {
  scope,
  files: [
    { path: ".mcp.json", text: mcp(`\${OPENROUTER_API_KEY}`) },
    { path: "CODEOWNERS", text: "/.mcp.json @mara\n" },
    { path: ".rekey/identities.yml", text: identities },
  ],
  findings: [],
  storeMatches: [],
};
const triage = `agent:${scope}#.rekey/identities.yml#triage-agent`;

/** The pull request pastes a key over the reference. */
function pullRequest(extra: { path: string; text: string | undefined }[] = []) {
  const key = openRouterKey();
  const text = mcp(key);
  const finding = findingAt(".mcp.json", text, key);
  return { finding, input: { ...overlay(main, [{ path: ".mcp.json", text }, ...extra]), findings: [finding] } };
}

test("a key pasted over a reference belongs to the declared agent, and its MCP server uses it", () => {
  const { finding, input } = pullRequest();
  const { identities: links, evidence } = linksFor(finding, buildGraph(input));
  expect(links).toEqual([
    { id: triage, kind: "agent", name: "triage-agent", relation: "authenticates_as", grade: "strong", owner: "@mara" },
    {
      id: `mcp-server:${scope}#.mcp.json#openrouter`,
      kind: "mcp-server",
      name: "openrouter",
      relation: "used_by",
      grade: "strong",
      owner: "@mara",
    },
    {
      id: `agent:${scope}#.mcp.json#Claude Code`,
      kind: "agent",
      name: "Claude Code",
      relation: "used_by",
      grade: "strong",
      owner: "@mara",
    },
  ]);
  expect(evidence).toEqual([
    {
      method: "declared",
      grade: "strong",
      text: "agent triage-agent is declared to hold a credential of the type openrouter-api-key, in a field that is named as the variable here, OPENROUTER_API_KEY.",
      path: ".rekey/identities.yml",
      line: 3,
    },
    {
      method: "config-slot",
      grade: "strong",
      text: "The value stands in the slot OPENROUTER_API_KEY of MCP server openrouter.",
      path: ".mcp.json",
      line: 10,
    },
    {
      method: "config-slot",
      grade: "strong",
      text: "Claude Code loads .mcp.json, which configures MCP server openrouter.",
      path: ".mcp.json",
      line: 3,
    },
  ]);
});

test("a store entry with the fingerprint at the declared place confirms the agent", () => {
  const { finding, input } = pullRequest();
  const place = { connection: "demo-store", path: "secret/agents/triage", field: "OPENROUTER_API_KEY" };
  const match = { fingerprint: finding.fingerprint, ...place, version: "3", grade: "confirmed" as const };
  const { identities: links, evidence } = linksFor(finding, buildGraph({ ...input, storeMatches: [match] }));
  expect(links[0]).toMatchObject({ id: triage, relation: "authenticates_as", grade: "confirmed" });
  expect(evidence[0]?.text).toBe(
    "agent triage-agent is declared to hold a credential of the type openrouter-api-key in demo-store/secret/agents/triage OPENROUTER_API_KEY, and version 3 there has this value's fingerprint.",
  );
  const elsewhere = { ...match, path: "secret/agents/other" };
  expect(linksFor(finding, buildGraph({ ...input, storeMatches: [elsewhere] })).identities[0]).toMatchObject({
    id: triage,
    grade: "strong",
  });
});

test("a guessable value never joins a store entry", () => {
  const { finding, input } = pullRequest();
  const weak = { ...finding, bits: 63 };
  const match = {
    fingerprint: weak.fingerprint,
    connection: "demo-store",
    path: "secret/agents/triage",
    field: "OPENROUTER_API_KEY",
    version: "3",
    grade: "confirmed" as const,
  };
  const graph = buildGraph({ ...input, findings: [weak], storeMatches: [match] });
  expect(linksFor(weak, graph).identities[0]).toMatchObject({ id: triage, grade: "strong" });
  expect(graph.edges.some(({ method }) => method === "store-match")).toBe(false);
});

test("a pull request cannot give itself owners or declarations", () => {
  const { finding, input } = pullRequest([
    { path: "CODEOWNERS", text: "* @mallory\n" },
    { path: ".github/CODEOWNERS", text: "* @mallory\n" },
    { path: ".rekey/identities.yml", text: identities.replaceAll("@mara", "@mallory") },
  ]);
  const { identities: links } = linksFor(finding, buildGraph(input));
  expect(links.map(({ owner }) => owner)).toEqual(["@mara", "@mara", "@mara"]);
});

test("a key in another variable, or two agents with one type, binds less", () => {
  const key = openRouterKey();
  const text = mcp(key).replace("OPENROUTER_API_KEY", "OTHER_KEY");
  const finding = findingAt(".mcp.json", text, key);
  const other = overlay(main, [{ path: ".mcp.json", text }]);
  const alone = linksFor(finding, buildGraph({ ...other, findings: [finding] })).identities;
  expect(alone.find(({ id }) => id === triage)).toMatchObject({ relation: "authenticates_as", grade: "moderate" });

  const second = identities
    .slice(identities.indexOf("  - kind"))
    .replaceAll("triage", "billing")
    .replace("OPENROUTER_API_KEY", "OTHER_NAME");
  const files = other.files.map((file) => (file.path === ".rekey/identities.yml" ? { ...file, text: identities + second } : file));
  const both = linksFor(finding, buildGraph({ ...other, files, findings: [finding] })).identities;
  expect(both.filter(({ relation }) => relation === "authenticates_as").map(({ name, grade }) => [name, grade])).toEqual([
    ["billing-agent", "weak"],
    ["triage-agent", "weak"],
  ]);
});

test("the planner reads consumers, places and environment from the declaration", () => {
  const { declared } = buildGraph(main);
  expect(consumersOf(triage, "openrouter-api-key", declared)).toEqual({
    kind: "declared",
    consumers: [{ name: "triage-agent", report: "version" }],
  });
  expect(consumersOf(triage, "openai-api-key", declared)).toEqual({ kind: "unknown" });
  expect(consumersOf(`agent:${scope}#.mcp.json#Claude Code`, "openrouter-api-key", declared)).toEqual({ kind: "unknown" });
  expect(sinksOf(triage, "openrouter-api-key", declared)).toEqual([
    { connection: "demo-store", path: "secret/agents/triage", field: "OPENROUTER_API_KEY" },
  ]);
  expect(environmentOf(triage, declared)).toBe("staging");
});

test("the graph does not depend on the order of its input", () => {
  const { input } = pullRequest();
  const turned = { ...input, files: input.files.toReversed() };
  expect(buildGraph(turned)).toEqual(buildGraph(input));
});
