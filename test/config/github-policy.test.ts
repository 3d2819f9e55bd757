import fc from "fast-check";
import { expect, test } from "vitest";
import {
  effectivePolicy,
  parseOrganizationPolicy,
  parseRepositoryPolicy,
  type RolloutRule,
  stageByRules,
  stages,
} from "../../src/config/github-policy.ts";

const facts = { key: "github.com/1", name: "payments-api", topics: ["python"], properties: { team: "payments" }, private: true };
const server = { rollout: "observe", on_unavailable: "neutral", automatic: "on" } as const;

test.each([
  [{ repositories: ["payments-*"] }, true],
  [{ repositories: ["PAYMENTS-API"] }, true],
  [{ repositories: ["*pay*api"] }, true],
  [{ repositories: ["payments"] }, false],
  [{ repositories: ["payments-api*api"] }, false],
  [{ topics: ["go", "python"] }, true],
  [{ topics: ["go"] }, false],
  [{ properties: { team: "payments" } }, true],
  [{ properties: { team: "payments", tier: "1" } }, false],
  [{ properties: { constructor: "x" } }, false],
  [{ repositories: ["payments-*"], topics: ["go"] }, false],
  [{ percentage: 100 }, true],
  [{}, true],
] as [Omit<RolloutRule, "stage">, boolean][])("a rule for %o is meant for this repository: %s", (rule, meant) => {
  expect(stageByRules([{ stage: "check", ...rule }], facts)).toBe(meant ? "check" : undefined);
});

test("the furthest of all rules counts, in any order", () => {
  const rules: RolloutRule[] = [{ stage: "block" }, { stage: "check", repositories: ["payments-*"] }, { stage: "rotate", topics: ["go"] }];
  expect([stageByRules(rules, facts), stageByRules(rules.toReversed(), facts)]).toEqual(["block", "block"]);
});

test("a percentage means the same repositories each time, and more of them as it grows", () => {
  const within = (percentage: number) =>
    Array.from({ length: 1000 }, (_, id) => id).filter(
      (id) => stageByRules([{ stage: "check", percentage }], { ...facts, key: `github.com/${id}` }) !== undefined,
    );
  const [ten, fifty] = [within(10), within(50)];
  expect(ten.length).toBeGreaterThan(60);
  expect(ten.length).toBeLessThan(140);
  expect(fifty).toEqual(expect.arrayContaining(ten));
  expect(within(100)).toHaveLength(1000);
});

test("rules count as far as they were confirmed; lowering counts at once", () => {
  const at = (rollout: RolloutRule[], confirmed?: RolloutRule[]) => {
    const { stage, waiting } = effectivePolicy({ server, organization: { version: 1, rollout }, confirmed, facts, held: false });
    return [stage, waiting];
  };
  expect(at([{ stage: "block" }])).toEqual(["observe", "block"]);
  expect(at([{ stage: "block" }], [{ stage: "comment" }])).toEqual(["comment", "block"]);
  expect(at([{ stage: "block" }], [{ stage: "block" }])).toEqual(["block", undefined]);
  expect(at([{ stage: "check" }], [{ stage: "rotate" }])).toEqual(["check", undefined]);
  expect(at([], [{ stage: "rotate" }])).toEqual(["observe", undefined]);
});

test("whatever the files say, they only tighten what the server says, and a hold returns to observe", () => {
  const optional = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
  const file = fc.record({
    version: fc.constant(1 as const),
    disclosure: optional(fc.constantFrom("minimal" as const, "private" as const)),
    on_unavailable: optional(fc.constant("block" as const)),
    automatic: optional(fc.constant("off" as const)),
    stage: optional(fc.constantFrom("check" as const, "comment" as const, "block" as const)),
  });
  const policy = fc.record({
    rollout: fc.constantFrom(...stages),
    disclosure: optional(fc.constantFrom("full" as const, "minimal" as const, "private" as const)),
    on_unavailable: fc.constantFrom("neutral" as const, "block" as const),
    automatic: fc.constantFrom("on" as const, "off" as const),
  });
  const order = ["full", "minimal", "private"];
  fc.assert(
    fc.property(policy, file, file, fc.boolean(), fc.boolean(), (of, { stage: _, ...organization }, repository, isPrivate, held) => {
      const given = { server: of, facts: { ...facts, private: isPrivate }, held };
      const alone = effectivePolicy(given);
      const both = effectivePolicy({ ...given, organization: { ...organization, rollout: [] }, repository });
      expect(order.indexOf(both.disclosure)).toBeGreaterThanOrEqual(order.indexOf(alone.disclosure));
      expect(both.onUnavailable === "block" || alone.onUnavailable === "neutral").toBe(true);
      expect(alone.automatic || !both.automatic).toBe(true);
      expect(stages.indexOf(both.stage)).toBeGreaterThanOrEqual(stages.indexOf(alone.stage));
      if (alone.stage !== "rotate") expect(both.stage).not.toBe("rotate");
      if (held) expect(both.stage).toBe("observe");
    }),
  );
});

test.each([
  ["version: 1\nstage: rotate\n", 2, "stage"],
  ["version: 1\ndisclosure: full\n", 2, "disclosure"],
  ["version: 1\non_unavailable: neutral\n", 2, "on_unavailable"],
  ["version: 1\n\nrollout: []\n", 3, "unknown key 'rollout'"],
  ["version: 2\n", 1, "version"],
])("a repository's file that loosens or does not fit is refused with its line: %j", (text, line, what) => {
  expect(() => parseRepositoryPolicy(text)).toThrow(expect.objectContaining({ line, message: expect.stringContaining(what) }));
});

test.each([
  ["version: 1\nrollout:\n  - { stage: observe }\n", 3],
  ["version: 1\nrollout:\n  - { stage: check, percentage: 0 }\n", 3],
  ["version: 1\nrollout:\n  - { stage: check, repositories: ['acme/x'] }\n", 3],
  ["version: 1\nstage: check\n", 2],
])("an organisation's file that does not fit is refused with its line: %j", (text, line) => {
  expect(() => parseOrganizationPolicy(text)).toThrow(expect.objectContaining({ line }));
});
