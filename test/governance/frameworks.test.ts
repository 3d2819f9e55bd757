import { expect, test } from "vitest";
import { evidenceReport, factsOf, mappedEntries } from "../../src/governance/evidence.ts";
import { frameworkIds, frameworks } from "../../src/governance/frameworks.ts";
import type { GovernanceInput } from "../../src/governance/overview.ts";
import type { IncidentEvent } from "../../src/incident/event.ts";
import { evidenceMarkdown } from "../../src/report/evidence-markdown.ts";
import { incident, opened } from "../incident/build.ts";
import { campaign, identity, items } from "../web/estate.ts";

/** As their publishers print them: the contents pages of the OWASP lists, NIST CSWP 29 and NIST AI 100-1. */
const titles: Readonly<Record<string, string>> = {
  "owasp-agentic":
    "Agent Goal Hijack | Tool Misuse and Exploitation | Identity and Privilege Abuse | Agentic Supply Chain Vulnerabilities | Unexpected Code Execution (RCE) | Memory & Context Poisoning | Insecure Inter-Agent Communication | Cascading Failures | Human-Agent Trust Exploitation | Rogue Agents",
  "owasp-nhi":
    "Improper Offboarding | Secret Leakage | Vulnerable Third-Party NHI | Insecure Authentication | Overprivileged NHI | Insecure Cloud Deployment Configurations | Long-Lived Secrets | Environment Isolation | NHI Reuse | Human Use of NHI",
  "owasp-llm":
    "Prompt Injection | Sensitive Information Disclosure | Supply Chain | Data and Model Poisoning | Improper Output Handling | Excessive Agency | System Prompt Leakage | Vector and Embedding Weaknesses | Misinformation | Unbounded Consumption",
};

test.each(Object.entries(titles))("the ten titles of %s, in their order", (id, expected) => {
  const { entries } = frameworks[id as keyof typeof frameworks];
  expect(Object.values(entries).join(" | ")).toBe(expected);
  expect(Object.keys(entries).map((entry) => Number(entry.replace(/\D/g, "")))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test.each([
  [
    "nist-csf",
    "PR.AA-05",
    /^Access permissions, entitlements, and authorizations are defined in a policy, managed, enforced, and reviewed, .*separation of duties$/,
  ],
  ["nist-csf", "ID.RA-07", /^Changes and exceptions are managed, assessed for risk impact, recorded, and tracked$/],
  ["nist-csf", "RS.MI-02", /^Incidents are eradicated$/],
  ["nist-csf", "DE.CM-09", /^Computing hardware and software, runtime environments, and their data are monitored/],
  ["nist-ai-rmf", "GOVERN 1.6", /^Mechanisms are in place to inventory AI systems/],
  ["nist-ai-rmf", "GOVERN 1.7", /^Processes and procedures are in place for decommissioning/],
  ["nist-ai-rmf", "MANAGE 2.4", /to supersede, disengage, or deactivate AI systems/],
  ["nist-ai-rmf", "MANAGE 4.3", /^Incidents and errors are communicated to relevant AI actors/],
] as const)("%s %s has NIST's words", (id, entry, expected) => {
  expect(frameworks[id].entries[entry]).toMatch(expected);
});

test("an id of CSF 1.1 stands nowhere, and the map names only what exists", () => {
  const all = new Set(frameworkIds.flatMap((id) => Object.keys(frameworks[id].entries)));
  expect(all).not.toContain("PR.AC-4");
  expect(mappedEntries().filter((entry) => !all.has(entry))).toEqual([]);
  for (const id of ["nist-csf", "nist-ai-rmf"] as const)
    expect(Object.keys(frameworks[id].entries).filter((entry) => !mappedEntries().includes(entry))).toEqual([]);
});

const now = "2026-03-02T10:01:00.000Z";
const link = (id: string): IncidentEvent => ({
  type: "identity-linked",
  identity: id,
  kind: "agent",
  name: id,
  owner: "@mara",
  grade: "strong",
});
const input: GovernanceInput = {
  identities: [
    identity("a"),
    identity("b", { ownerBy: "codeowners", lifetime: "temporary" }),
    identity("c", { kind: "human-token", lifetime: "unknown" }),
  ],
  campaigns: [campaign],
  items,
  exceptions: [],
  incidents: [
    incident(
      "RK-0001",
      ["10:01", opened],
      ["10:01", link("a")],
      ["10:02", { type: "acknowledged", by: "mara" }],
      ["10:10", { type: "dead", proof: "probe", receipts: 3, whenFound: false }],
    ),
    incident("RK-0002", ["10:01", opened], ["10:01", link("a")], ["10:01", link("b")], ["10:02", { type: "acknowledged", by: "dev" }]),
    incident("RK-0003", ["10:01", opened], ["10:02", { type: "false-positive", by: "dana", reason: "a sample" }]),
  ],
  gaps: [{ control: "ai-red-teaming", phase: "build", gap: "no-owner", sentence: "" }],
  controls: true,
  uncovered: [],
  peopleOf: () => [],
  now,
};
const facts = factsOf(input, { logged: 12, cells: 9 });

test("what is counted", () => {
  expect(facts.map(({ id, done, of, sentence }) => `${id} ${done}/${of} ${sentence}`)).toMatchInlineSnapshot(`
    [
      "inventory 3/3 3 AI identities are in the inventory, read from default branches",
      "owners 2/3 2 of 3 identities have an owner that people wrote down",
      "found 2/2 2 leaked credentials were found and judged",
      "ended 1/2 1 of 2 leaked credentials are proven dead",
      "triaged 2/2 2 of 2 new leaks were acknowledged within a day",
      "linked 2/2 2 of 2 leaks are linked to the identity behind them",
      "reviewed 1/4 1 of 4 review items that were due were decided on time",
      "withdrawn 0/0 0 of 0 denied accesses are proven gone",
      "standing 1/2 1 of 2 identities whose access has a known lifetime have standing access",
      "shared 1/2 1 of 2 leaked credentials were used by one identity only",
      "human 2/3 2 of 3 identities use no token of a person",
      "injected 0/0 0 prompt injections were reported at runtime, 0 of them are ended",
      "misused 0/0 0 unsafe uses of tools were reported at runtime, 0 of them are ended",
      "sent 0/0 0 leaks of data were reported at runtime, 0 of them are ended",
      "strayed 0/0 0 violations of policy were reported at runtime, 0 of them are ended",
      "runtime 0/0 0 of 0 runtime events are linked to the identity behind them",
      "exceptions 0/0 0 of 0 accepted risks have an end and a second person",
      "controls 8/9 8 of 9 controls in a phase have an owner, or a reason for none",
      "coverage 3/3 3 of 3 identities are covered in each phase",
      "log 12/12 12 events stand in a hash-chained log (rekey audit verify proves it)",
    ]
  `);
});

test("the report says what is evidence, for what nothing is known, and never that anything is met", () => {
  const text = evidenceMarkdown(evidenceReport("owasp-nhi", facts, now));
  expect(text).toMatchInlineSnapshot(`
    "# OWASP Non-Human Identities Top 10 2025: evidence

    Evidence for 6 of 10 entries; nothing is known here about the other 4.

    What Rekey knows is evidence for an entry; whether the entry is met is for an assessor to say. Detecting a weakness is not a failure of the control that found it.

    Catalogue: <https://owasp.org/www-project-non-human-identities-top-10/2025/>. As of 2026-03-02T10:01:00.000Z.

    ## NHI1 Improper Offboarding

    - mitigates: 2 of 3 identities have an owner that people wrote down

    ## NHI2 Secret Leakage

    - detects: 2 leaked credentials were found and judged
    - mitigates: 1 of 2 leaked credentials are proven dead

    ## NHI3 Vulnerable Third-Party NHI

    No evidence here.

    ## NHI4 Insecure Authentication

    No evidence here.

    ## NHI5 Overprivileged NHI

    - mitigates: 1 of 4 review items that were due were decided on time
    - detects: 1 of 2 identities whose access has a known lifetime have standing access

    ## NHI6 Insecure Cloud Deployment Configurations

    No evidence here.

    ## NHI7 Long-Lived Secrets

    - mitigates: 1 of 2 leaked credentials are proven dead
    - detects: 1 of 2 identities whose access has a known lifetime have standing access

    ## NHI8 Environment Isolation

    No evidence here.

    ## NHI9 NHI Reuse

    - detects: 1 of 2 leaked credentials were used by one identity only

    ## NHI10 Human Use of NHI

    - detects: 2 of 3 identities use no token of a person
    "
  `);
  for (const id of frameworkIds)
    expect(evidenceMarkdown(evidenceReport(id, facts, now))).not.toMatch(/complian|conform|certif|fulfil|satisf|\bpass(es|ed)?\b/i);
});

test("where there is nothing to count there is no evidence, rather than 0 of 0", () => {
  const empty = factsOf({ ...input, identities: [], campaigns: [], items: [], incidents: [] }, { logged: 0, cells: 0 });
  expect(evidenceReport("owasp-nhi", empty, now).with).toBe(0);
  expect(evidenceMarkdown(evidenceReport("owasp-nhi", empty, now))).toContain("Evidence for 0 of 10 entries");
});
