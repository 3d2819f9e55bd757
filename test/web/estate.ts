import { parseControls } from "../../src/governance/controls.ts";
import { coverageOf } from "../../src/governance/coverage.ts";
import type { GovernedIdentity } from "../../src/governance/overview.ts";
import type { Campaign, Item } from "../../src/governance/review.ts";
import type { Estate } from "../../src/web/estate.ts";
import type { GovernanceReaders } from "../../src/web/governance-readers.ts";

export const controls = parseControls(`version: 1
controls:
  ai-red-teaming:
    build: { owner: '@acme/appsec' }
    runtime: { owner: '@kim', backup: '@dana' }
    incident-response: { none: 'red teaming stops meanwhile' }
  runtime-monitoring:
    runtime: { owner: '@kim' }
`);

export const identity = (name: string, change: Partial<GovernedIdentity> = {}): GovernedIdentity => ({
  id: `agent:acme/agents#${name}`,
  kind: "agent",
  name,
  owner: "@mara",
  ownerBy: "declared",
  repository: "acme/agents",
  lifetime: "standing",
  ...change,
});

/** An estate of these identities: the first half is told of by a runtime source. */
export function estateOf(identities: readonly GovernedIdentity[]): Estate {
  const told = new Set(identities.slice(0, Math.ceil(identities.length / 2)).map(({ id }) => id));
  return {
    identities: async () => identities,
    controls,
    events: async () => 42,
    people: async () => new Map([["@acme/agents", ["mara"]]]),
    coverage: async (visible) =>
      coverageOf(identities.filter(visible), [
        { name: "GitHub App on acme", type: "github-app", kinds: ["leak-in-code"], covers: () => true },
        { name: "gateway", type: "runtime", kinds: ["leak-at-runtime", "end-of-life"], covers: ({ id }) => told.has(id) },
        {
          name: "prod-vault",
          type: "secret-manager",
          kinds: ["stored-copy"],
          covers: () => true,
          needs: "it has not been read to the end yet",
        },
      ]),
  };
}

export const campaign: Campaign = {
  id: "RV-2B0X1",
  name: "Agents",
  createdBy: "the operator",
  createdAt: "2026-02-01T00:00:00.000Z",
  dueAt: "2026-03-01T00:00:00.000Z",
};

export const reviewItem = (id: string, change: Partial<Item> = {}, repository = "acme/agents"): Item => ({
  id,
  campaign: campaign.id,
  snapshot: {
    identity: { id: `agent:${repository}#a`, kind: "agent", name: "<script>alert(1)</script>", owner: "@mara" },
    repository,
    access: { kind: "stored", connection: "prod", path: "secret/a" },
    permissions: ["billing"],
    lifetime: "standing",
    evidence: ["It is declared."],
  },
  hash: "0123456789abcdef",
  state: "open",
  decisions: [],
  ...change,
});

const decided = (at: string) => [{ verdict: "keep" as const, by: "mara", reason: "in use", via: "issue", at }];

export const items: readonly Item[] = [
  reviewItem("RI-7F3KX"),
  reviewItem("RI-7F3KY", { state: "kept", decisions: decided("2026-02-10T00:00:00.000Z") }),
  reviewItem("RI-7F3KZ", { state: "kept", decisions: decided("2026-03-01T12:00:00.000Z") }),
  reviewItem("RI-7F300", {}, "acme/secret-plans"),
];

export function governanceOf(list: readonly Item[] = items): GovernanceReaders {
  return {
    campaigns: async () => [campaign],
    campaign: async (id) => (id === campaign.id ? campaign : undefined),
    items: async () => list,
  };
}
