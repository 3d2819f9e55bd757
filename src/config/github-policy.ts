import { createHash } from "node:crypto";
import { z } from "zod";
import { parseStrictYaml } from "../strict-yaml.ts";

/** Where the file stands in a repository; in the organisation's `.github` repository it is the organisation's. */
export const policyPath = ".github/rekey.yml";

/** How far Rekey goes in a repository, each including what stands before it: docs/rollout.md. */
export const stages = ["observe", "check", "comment", "block", "rotate"] as const;
export type Stage = (typeof stages)[number];

/** What a file may say: everything here is stricter than what the server's own policy says by default, so that it can only tighten. */
const tighter = {
  version: z.literal(1),
  disclosure: z.enum(["minimal", "private"]).optional(),
  on_unavailable: z.literal("block").optional(),
  automatic: z.literal("off").optional(),
};

const rule = z.strictObject({
  stage: z.enum(["check", "comment", "block", "rotate"]),
  /** Names without the owner; `*` stands for anything. */
  repositories: z
    .array(z.string().regex(/^[\w.*-]{1,100}$/, "expected a repository's name without its owner; * stands for anything"))
    .min(1)
    .optional(),
  topics: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9-]{0,49}$/, "expected a topic of GitHub, in lower case"))
    .min(1)
    .optional(),
  /** Custom properties that a repository must have, all of them. */
  properties: z.record(z.string().max(75), z.string().max(300)).optional(),
  /** So many of a hundred repositories, always the same ones. */
  percentage: z.number().int().min(1).max(100).optional(),
});
export type RolloutRule = z.output<typeof rule>;

/** `.github/rekey.yml` of one repository: it may raise itself as far as `block`, and tighten. */
export const RepositoryPolicy = z.strictObject({ ...tighter, stage: z.enum(["check", "comment", "block"]).optional() });
export type RepositoryPolicy = z.output<typeof RepositoryPolicy>;

/** `.github/rekey.yml` of the organisation's `.github` repository: the floor of all, and the rollout by repository. */
export const OrganizationPolicy = z.strictObject({ ...tighter, rollout: z.array(rule).max(200).default([]) });
export type OrganizationPolicy = z.output<typeof OrganizationPolicy>;

/** Throws ConfigError with the line. */
export function parseRepositoryPolicy(text: string): RepositoryPolicy {
  return parseStrictYaml(text, policyPath, RepositoryPolicy);
}

/** Throws ConfigError with the line. */
export function parseOrganizationPolicy(text: string): OrganizationPolicy {
  return parseStrictYaml(text, policyPath, OrganizationPolicy);
}

/** What rules ask about a repository. */
export interface RepositoryFacts {
  /** `github.com/123`: stays when the repository is renamed. */
  readonly key: string;
  readonly name: string;
  readonly topics: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
  readonly private: boolean;
}

/** The furthest stage that a rule gives; undefined where none is meant for this repository. */
export function stageByRules(rules: readonly RolloutRule[], repository: RepositoryFacts): Stage | undefined {
  const matching = rules.filter((one) => isMeant(one, repository)).map(({ stage }) => stage);
  return matching.reduce<Stage | undefined>((furthest, stage) => (furthest === undefined ? stage : later(furthest, stage)), undefined);
}

/** A rule is meant for a repository that fulfils everything it names. */
function isMeant({ repositories, topics, properties, percentage }: RolloutRule, repository: RepositoryFacts): boolean {
  return (
    (repositories === undefined || repositories.some((pattern) => fits(pattern, repository.name))) &&
    (topics === undefined || topics.some((topic) => repository.topics.includes(topic))) &&
    Object.entries(properties ?? {}).every(([name, value]) => repository.properties[name] === value) &&
    (percentage === undefined || shareOf(repository.key) < percentage)
  );
}

/** Linear: the parts between the stars are looked for from left to right. */
function fits(pattern: string, name: string): boolean {
  const [first = "", ...rest] = pattern.toLowerCase().split("*");
  const text = name.toLowerCase();
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return at <= text.length - last.length;
}

/** 0 to 99, the same for a repository on every machine. */
function shareOf(key: string): number {
  return createHash("sha256").update(`rollout:${key}`).digest().readUInt32BE(0) % 100;
}

export function later(a: Stage, b: Stage): Stage {
  return stages.indexOf(a) >= stages.indexOf(b) ? a : b;
}

export function earlier(a: Stage, b: Stage): Stage {
  return stages.indexOf(a) <= stages.indexOf(b) ? a : b;
}

/** What the server's own configuration says of all repositories. */
export interface ServerPolicy {
  readonly rollout: Stage;
  readonly disclosure?: "full" | "minimal" | "private" | undefined;
  readonly on_unavailable: "neutral" | "block";
  readonly automatic: "off" | "on";
}

/** What counts in one repository, and why it stands at its stage. */
export interface EffectivePolicy {
  readonly stage: Stage;
  readonly because: string;
  /** The stage that rules give and nobody has confirmed yet. */
  readonly waiting?: Stage;
  readonly disclosure: "full" | "minimal" | "private";
  readonly onUnavailable: "neutral" | "block";
  readonly automatic: boolean;
}

/**
 * The server's policy, raised by what the organisation's rules say and somebody confirmed, raised by the repository itself, tightened by
 * both files. A hold returns everything to `observe`.
 */
export function effectivePolicy(given: {
  server: ServerPolicy;
  organization?: OrganizationPolicy | undefined;
  confirmed?: readonly RolloutRule[] | undefined;
  repository?: RepositoryPolicy | undefined;
  facts: RepositoryFacts;
  held: boolean;
}): EffectivePolicy {
  const { server, organization, confirmed, repository, facts, held } = given;
  const wanted = stageByRules(organization?.rollout ?? [], facts) ?? "observe";
  const agreed = earlier(wanted, stageByRules(confirmed ?? [], facts) ?? "observe");
  const candidates: { stage: Stage; because: string }[] = [
    { stage: server.rollout, because: "policy.rollout of the server" },
    { stage: agreed, because: "the organisation's rules" },
    { stage: repository?.stage ?? "observe", because: `the repository's own ${policyPath}` },
  ];
  const reached = candidates.reduce((furthest, one) => (later(furthest.stage, one.stage) === furthest.stage ? furthest : one));
  const { stage, because } = held ? { stage: "observe" as const, because: "everything is held at observe" } : reached;
  const disclosure = [server.disclosure ?? (facts.private ? "full" : "private"), organization?.disclosure, repository?.disclosure];
  return {
    stage,
    because,
    ...(held || later(stage, wanted) === stage ? {} : { waiting: wanted }),
    disclosure: disclosure.includes("private") ? "private" : disclosure.includes("minimal") ? "minimal" : "full",
    onUnavailable: [server.on_unavailable, organization?.on_unavailable, repository?.on_unavailable].includes("block")
      ? "block"
      : "neutral",
    automatic: server.automatic === "on" && organization?.automatic !== "off" && repository?.automatic !== "off",
  };
}
