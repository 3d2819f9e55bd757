import { createHash } from "node:crypto";
import { connectionType, type EffectClass, type Manifest } from "../driver.ts";
import { evaluate } from "./expression.ts";
import type { Playbook, PlaybookStep } from "./schema.ts";

export type Mode = "graceful" | "contain-first" | "revoke-first";

export interface PlannedSink {
  readonly connection: string;
  /** Name of the sink's driver: `vault`, `aws-secrets-manager`. */
  readonly sink: string;
  readonly path: string;
  readonly field?: string;
  /** Field of each companion of the new credential, by the companion's name. */
  readonly companions?: Readonly<Record<string, string>>;
  /** The field holds a URL; the secret is its password, the companion `username` its user. */
  readonly format?: "url";
  /** What this kind of secret manager cannot do; absent = it can do everything. */
  readonly lacks?: readonly SinkAbility[];
}

export type SinkAbility = "pending" | "cas" | "readBack" | "undo";

export interface PlannedConsumer {
  readonly name: string;
  readonly report: "version" | "last-used" | "confirm";
}

/** What is known of the incident when the plan is made. Everything here is public within the tenant; nothing is a value. */
export interface PlanFacts {
  readonly incident: string;
  readonly credential: { readonly fingerprint: string; readonly subject?: string; readonly detector: string; readonly title: string };
  readonly attributes: Readonly<Record<string, string>>;
  readonly identity?: {
    readonly id: string;
    readonly kind: string;
    readonly name: string;
    readonly owner?: string;
    readonly environment: string;
  };
  readonly sinks: readonly PlannedSink[];
  /** `none` = the owner says that nobody uses it; `unknown` = nobody said. */
  readonly consumers: readonly PlannedConsumer[] | "none" | "unknown";
  readonly mode: Mode;
  /** The connection of the driver, absent where none is configured. */
  readonly connection?: string;
  /** The vendor's record of the leaked credential, where it could be named (contracts.md §8). */
  readonly named?: { readonly id: string; readonly grade: "confirmed" | "strong" };
  readonly timeouts: { readonly consumers: number; readonly soak: number };
  /** Grace-roll: how long the old value stays valid after the roll, milliseconds. */
  readonly grace?: number;
}

export interface PlanStep {
  readonly id: string;
  readonly uses: string;
  readonly title: string;
  readonly effect: EffectClass;
  /** A person does it: the exact page, and the connection that would automate it. */
  readonly manual?: { readonly page: string; readonly instead?: string };
}

export interface PlanApproval {
  readonly from: "identity-owner" | "second-person" | "writer";
  readonly why: string;
}

/** Plain data: what a run will do, in order. `hash` covers credential, identity, consumers, sinks, playbook version and mode. */
export interface Plan {
  readonly hash: string;
  readonly facts: PlanFacts;
  readonly playbook: { readonly name: string; readonly version: number };
  /** Manifest type of the driver. */
  readonly driver: string;
  readonly steps: readonly PlanStep[];
  readonly approvals: readonly PlanApproval[];
  /** Step from which there is no undo; absent where the plan destroys nothing. */
  readonly pointOfNoReturn?: string;
  /** Why this plan cannot run by itself; empty = it can. */
  readonly blockers: readonly string[];
}

export function makePlan(playbook: Playbook, manifest: Manifest, facts: PlanFacts): Plan {
  const mints = manifest.verbs.issue !== undefined;
  const scope = { mode: facts.mode, reversible: manifest.reversible.disable, mints };
  const steps = playbook.steps
    .filter((step) => step.if === undefined || evaluate(step.if, scope) === true)
    .map((step) => planStep(step, manifest, facts));
  const destroy = steps.find((step) => step.effect === "destroy" && step.manual === undefined);
  return {
    hash: planHash(playbook, facts),
    facts,
    playbook: { name: playbook.name, version: playbook.version },
    driver: manifest.type,
    steps,
    approvals: approvals(steps, facts),
    ...(destroy === undefined ? {} : { pointOfNoReturn: destroy.id }),
    blockers: blockers(steps, manifest, facts),
  };
}

function planStep(step: PlaybookStep, manifest: Manifest, facts: PlanFacts): PlanStep {
  const name = step.uses.replace(/@1$/, "");
  const verb = name.split("/")[1] ?? "";
  const base = { id: step.id, uses: step.uses, title: step.title };
  if (name === "manual") return { ...base, effect: "destroy", manual: { page: step.with.page ?? manifest.pages.revoke } };
  if (name === "sinks/promote") return { ...base, effect: "mutate" };
  if (name.startsWith("credential/") || name.startsWith("consumers/") || name.startsWith("proof/") || name === "wait" || verb === "probe")
    return { ...base, effect: "read" };
  const promise = manifest.verbs[verb as "issue" | "disable" | "revoke"];
  const page = verb === "issue" ? (manifest.pages.issue ?? manifest.pages.revoke) : manifest.pages.revoke;
  if (promise === undefined) return { ...base, effect: verb === "issue" ? "create" : "destroy", manual: { page } };
  const unnamed = verb !== "issue" && !manifest.killByPossession && facts.named === undefined;
  const unconnected = facts.connection === undefined && !manifest.killByPossession;
  if (unnamed || unconnected) {
    return {
      ...base,
      effect: promise.effect,
      manual: { page, ...(unconnected ? { instead: `a connection of type ${connectionType(manifest)}` } : {}) },
    };
  }
  return { ...base, effect: promise.effect };
}

/** contracts.md §8: a reversible disable needs nobody; non-production its owner; an irreversible production revoke two people. */
function approvals(steps: readonly PlanStep[], facts: PlanFacts): PlanApproval[] {
  if (!steps.some((step) => step.effect === "destroy" && step.manual === undefined))
    return [{ from: "writer", why: "reversible or read-only" }];
  const environment = facts.identity?.environment ?? "production";
  const why = facts.consumers === "unknown" ? `revokes in ${environment}; consumers unknown` : `revokes in ${environment}`;
  const owner: PlanApproval = { from: "identity-owner", why };
  return environment === "production" ? [owner, { from: "second-person", why: "an irreversible revoke in production" }] : [owner];
}

function blockers(steps: readonly PlanStep[], manifest: Manifest, facts: PlanFacts): string[] {
  const found: string[] = [];
  const manual = steps.filter((step) => step.manual !== undefined);
  if (manual.length > 0) found.push(`${manual.map((step) => step.title).join("; ")}: by hand`);
  if (steps.some((step) => step.uses === "sinks/promote@1")) found.push(...sinkBlockers(manifest, facts.sinks));
  if (facts.consumers === "unknown" && steps.some((step) => step.uses === "consumers/converged@1"))
    found.push("consumers unknown: declare them (consumers in .rekey/identities.yml), or `consumers: none`");
  if (!manifest.killByPossession && facts.named === undefined && manifest.class !== "manual")
    found.push("the vendor's record of this credential could not be named with certainty");
  return found;
}

/** A new value must have a place where it can wait and be read again, and everything that consumers need must be stored with it. */
function sinkBlockers(manifest: Manifest, sinks: readonly PlannedSink[]): string[] {
  if (sinks.length === 0) return ["nobody declared where this credential is stored (stored_in in .rekey/identities.yml)"];
  const found: string[] = [];
  if (sinks.every(({ lacks = [] }) => lacks.includes("pending") || lacks.includes("readBack")))
    found.push(
      "no place that stores this credential can hold a new value back until it is tested; declare one in Vault KV v2 or AWS Secrets Manager too",
    );
  for (const sink of sinks) {
    const missing = (manifest.companions ?? []).filter(
      (name) => sink.companions?.[name] === undefined && !(sink.format === "url" && name === "username"),
    );
    if (missing.length > 0)
      found.push(
        `a new ${manifest.name} comes with ${missing.join(", ")}, and ${sink.connection}:${sink.path} has no field for it (companions: { ${missing[0]}: FIELD } beside its field in .rekey/identities.yml)`,
      );
  }
  return found;
}

function planHash(playbook: Playbook, facts: PlanFacts): string {
  const { credential, identity, consumers, sinks, mode, named } = facts;
  const covered = {
    fingerprint: credential.fingerprint,
    subject: credential.subject ?? "",
    identity: identity?.id ?? "",
    consumers,
    sinks,
    mode,
    named: named?.id ?? "",
    playbook: `${playbook.name}@${playbook.version}`,
  };
  return createHash("sha256").update(JSON.stringify(covered)).digest("hex").slice(0, 12);
}
