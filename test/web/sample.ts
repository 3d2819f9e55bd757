import { buildGraph } from "../../src/identity/graph.ts";
import type { IncidentEvent } from "../../src/incident/event.ts";
import type { Incident } from "../../src/incident/fold.ts";
import type { Readers } from "../../src/web/readers.ts";
import { incident, opened, recorded } from "../incident/build.ts";

export const now = "2026-03-02T10:01:00.000Z";

export const dead: IncidentEvent = { type: "dead", proof: "probe", receipts: 3, whenFound: false };
export const alive: IncidentEvent = { type: "validity-observed", validity: "active", code: "200", control: "none" };
export const triage: IncidentEvent = {
  type: "identity-linked",
  identity: "agent:github.com/acme/agents#triage-agent",
  kind: "agent",
  name: "triage-agent",
  owner: "@mara",
  grade: "strong",
  environment: "staging",
};

/** The events of one incident from leak to death, as the log has them. */
export const whole = recorded(
  "RK-7F3K",
  ["10:01", opened],
  ["10:01", { type: "occurrence-added", place: ".mcp.json:7", commit: "a".repeat(40), pullRequest: 12, pushedBy: "dev" }],
  ["10:01", triage],
  ["10:02", alive],
  ["10:02", { type: "planned", planHash: "9c1f0a2b", playbook: "openrouter@1" }],
  ["10:05", { type: "approved", planHash: "9c1f0a2b", by: "mara", role: "owner" }],
  ["10:05", { type: "run-started", run: "r1", planHash: "9c1f0a2b" }],
  ["10:07", { type: "replaced", run: "r1" }],
  ["10:08", { type: "revoked", run: "r1" }],
  ["10:10", dead],
  ["10:10", { type: "run-ended", run: "r1", result: "done" }],
);

const hostile = "<b>bot</b>\u202e";
const sampleGraph = buildGraph({
  scope: "github.com/acme/agents",
  files: [{ path: ".mcp.json", text: JSON.stringify({ mcpServers: { [hostile]: { url: "https://mcp.example.com/x" } } }) }],
  findings: [],
  storeMatches: [],
});

/** Readers over a fixed list, with the details of `whole` for every incident. */
export function readersOf(incidents: readonly Incident[], change: Partial<Readers> = {}): Readers {
  return {
    incidents: async () =>
      incidents
        .map((one) => ({ ...one, repositories: one.repository === undefined ? [] : [one.repository] }))
        .toSorted((a, b) => (a.clock.detected < b.clock.detected ? -1 : 1)),
    incident: async (id) => incidents.find((one) => one.id === id),
    timeline: async () => whole,
    occurrences: async () => [
      {
        repository: "github.com/acme/agents",
        path: ".mcp.json",
        commit: "a".repeat(40),
        pullRequest: 12,
        seenAt: "2026-03-01T10:01:00.000Z",
        finding: {
          location: { kind: "file", startLine: 7 },
          evidence: [{ method: "config-slot", grade: "strong", text: "Literal in mcpServers.openrouter.env of .mcp.json" }],
          revoke: "https://openrouter.ai/settings/keys",
          reach: [
            {
              relation: "opens",
              kind: "model-endpoint",
              name: "openrouter.ai",
              access: "standing",
              grade: "strong",
              why: [
                { method: "code-client", grade: "strong", text: "workload bot makes a client for openrouter.ai.", path: "bot.py", line: 4 },
              ],
            },
            {
              relation: "breaks",
              kind: "agent",
              name: "<b>bot</b>\u202e\n`",
              access: "standing",
              grade: "strong",
              why: [{ method: "config-slot", grade: "strong", text: "agent <b>bot</b> uses it." }],
            },
          ],
        },
      },
    ],
    identity: async (id) =>
      sampleGraph.identities.some((one) => one.id === id) ? { repository: "acme/agents", graph: sampleGraph } : undefined,
    receipts: async () => [
      {
        round: 1,
        subject: "control",
        answer: "alive",
        code: "200",
        control: "new-credential",
        via: "probe",
        at: "2026-03-01T10:09:00.000Z",
      },
      {
        round: 1,
        subject: "old",
        answer: "invalid",
        code: "401 user_not_found",
        control: "new-credential",
        via: "probe",
        at: "2026-03-01T10:09:01.000Z",
      },
    ],
    plan: async () => ({
      hash: "9c1f0a2b",
      playbook: "openrouter@1",
      body: {
        steps: [
          { id: "issue", uses: "openrouter/issue@1", title: "Make a new key", effect: "create" },
          { id: "promote", uses: "sinks/promote@1", title: "Store it in demo-store:secret/agents/triage", effect: "mutate" },
          { id: "revoke", uses: "openrouter/revoke@1", title: "Delete the old key", effect: "destroy" },
        ],
        pointOfNoReturn: "revoke",
      },
    }),
    effects: async () => [
      { key: "issue", state: "confirmed", destroy: false, at: "2026-03-01T10:06:00.000Z" },
      { key: "revoke", state: "sent", destroy: true, at: "2026-03-01T10:08:00.000Z" },
    ],
    events: async ({ limit }) =>
      whole
        .toReversed()
        .slice(0, limit)
        .map((event) => ({ ...event, hash: "ab".repeat(32) })),
    seen: async () => [],
    heldBack: async () => [],
    ready: async () => {},
    ...change,
  };
}

/** Two open ones (one alive with an owner, one unclear without), one of each other end, and `deaths` proven dead. */
export function mixed(deaths: number): Incident[] {
  const minutes = [3, 4, 5, 7, 9, 12, 15, 22, 30, 41, 55, 58];
  const gone = Array.from({ length: deaths }, (_, index) => {
    const hour = 11 + Math.floor(index / minutes.length);
    const minute = minutes[index % minutes.length] ?? 0;
    return incident(
      `RK-D${String(index).padStart(3, "0")}`,
      ["10:00", opened],
      ["10:00", triage],
      [`${index % 3 === 2 ? hour + 6 : hour - 1}:${String(minute).padStart(2, "0")}`, dead],
    );
  });
  return [
    incident("RK-7F3K", ["10:01", opened], ["10:01", triage], ["10:02", alive]),
    incident("RK-2B0X", [
      "2026-02-20T08:00:00.000Z",
      { ...opened, severity: "medium", credential: { ...opened.credential, title: "PostgreSQL URL" } },
    ]),
    incident("RK-57AT", ["10:01", opened], ["11:01", { type: "revoked-by-statement", by: "dev", how: "console" }]),
    incident(
      "RK-ACC0",
      ["10:01", opened],
      ["12:01", { type: "accepted", by: "mara", reason: "sandbox", until: "2027-01-01T00:00:00.000Z" }],
    ),
    ...gone,
  ];
}
