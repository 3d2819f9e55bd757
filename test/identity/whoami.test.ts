import { expect, test } from "vitest";
import type { Verification } from "../../src/finding.ts";
import { buildGraph } from "../../src/identity/graph.ts";
import { findingAt, openRouterKey } from "./finding.ts";

function graphOf(validity: "active" | "inactive" | "unknown", tells?: Verification["tells"]) {
  const key = openRouterKey();
  const text = `x=${key}\n`;
  const verification = { at: "2026-11-25T00:00:00.000Z", call: "GET api.x.ai/v1/api-key", answer: "200", ...(tells && { tells }) };
  const finding = findingAt("a.txt", text, key, { identity: "model-api-key", validity, verification });
  const { identities, edges } = buildGraph({ scope: "h/o/r", files: [], findings: [finding], storeMatches: [] });
  return {
    identities: identities.map(({ id, name }) => `${id} ${name}`),
    edges: edges
      .filter(({ method }) => method === "whoami")
      .map(({ to, relation, grade, evidence }) => `${relation} ${to} ${grade}: ${evidence[0]?.text}`),
  };
}

test("a live credential authenticates as the narrowest principal that its vendor names, and reaches the wider ones", () => {
  const { identities, edges } = graphOf("active", { token: "ci", token_id: "k1", team: "Core", team_id: "t1", scopes: "read" });
  expect(identities).toEqual(["model-api-key:openrouter/token/k1 ci"]);
  const said = "api.x.ai says that the credential is token ci, token id k1, team Core, team id t1, scopes read.";
  expect(edges).toEqual([
    `authenticates_as model-api-key:openrouter/token/k1 confirmed: ${said}`,
    `can_access resource:openrouter/team/t1 confirmed: ${said}`,
  ]);
});

test.each([
  ["refused", "inactive", { user: "mara" }],
  ["not known", "unknown", { user: "mara" }],
  ["live without a principal", "active", { scopes: "read" }],
  ["live without facts", "active", undefined],
] as const)("%s: nobody is named", (_, validity, tells) => {
  expect(graphOf(validity, tells).edges).toEqual([]);
});
