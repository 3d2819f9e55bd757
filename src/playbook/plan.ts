import { createHash } from "node:crypto";
import { connectionType, type EffectClass, type Manifest } from "../driver.ts";
import { evaluate, fill, type Scope } from "./expression.ts";
import type { Mode, Playbook, PlaybookStep } from "./schema.ts";
import { durationOf } from "./step-fields.ts";
import type { TrackRecord } from "./track-record.ts";
import type { UsageVerdict } from "./usage.ts";

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
  /** It only copies what another place holds. */
  readonly refresh?: true;
  /** The new value only waits there while the run goes on; nothing becomes current. */
  readonly staging?: true;
  /** Why nothing may be written there now. */
  readonly blocked?: string;
  /** What people should know of it. */
  readonly notes?: readonly string[];
}

export type SinkAbility = "pending" | "cas" | "readBack" | "undo";

export interface PlannedConsumer {
  readonly name: string;
  readonly report: "version" | "last-used" | "confirm";
  /** How the vendor's usage record names it: client address, user agent, application name. */
  readonly seen_as?: readonly string[];
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
  /** Connection that keeps the leaked value until its death is proven; absent = nobody does. */
  readonly quarantine?: string;
  /** Two-slot: the owner says that nobody uses the other slot. */
  readonly otherSlot?: "unused";
  /** Declared as made to be stolen. */
  readonly honeytoken?: true;
  /** The leak can be read by strangers. */
  readonly public?: boolean;
  /** Whether the vendor saw somebody else use it since it was exposed. */
  readonly usage?: UsageVerdict;
  /** The last clear answer of a probe was an acceptance. */
  readonly alive?: boolean;
}

export interface PlanStep {
  readonly id: string;
  readonly uses: string;
  readonly title: string;
  readonly effect: EffectClass;
  /** What the playbook gave it, inputs filled in. A secret stands as the handle `old` or `new`. */
  readonly with?: StepOptions;
  /** A person does it: the exact page, and the connection that would automate it. */
  readonly manual?: { readonly page: string; readonly instead?: string };
}

export interface StepOptions {
  readonly key?: "old" | "new";
  readonly expect?: "alive" | "dead";
  /** Rounds of probes. */
  readonly times?: number;
  /** Milliseconds: `over` of a proof, `for` of a wait, `timeout` of the consumers. */
  readonly over?: number;
  readonly for?: number;
  readonly timeout?: number;
}

export interface PlanApproval {
  readonly from: "identity-owner" | "second-person" | "writer";
  readonly why: string;
}

/** Plain data: what a run will do, in order. `hash` covers credential, identity, consumers, sinks, the exact playbook and mode. */
export interface Plan {
  readonly hash: string;
  readonly facts: PlanFacts;
  /** `digest` names the exact text: an approval is for this one, whatever is later published under the same version. */
  readonly playbook: { readonly name: string; readonly version: number; readonly digest: string };
  /** Manifest type of the driver. */
  readonly driver: string;
  readonly steps: readonly PlanStep[];
  readonly approvals: readonly PlanApproval[];
  /** Step from which there is no undo; absent where the plan destroys nothing. */
  readonly pointOfNoReturn?: string;
  /** Why this plan cannot run by itself; empty = it can. */
  readonly blockers: readonly string[];
  /** What would end this kind of leak for good: a sentence with the page. */
  readonly advice?: string;
  /** How this playbook did before; added when the plan is shown. */
  readonly record?: TrackRecord;
}

export function makePlan(playbook: Playbook, manifest: Manifest, facts: PlanFacts): Plan {
  const scope = scopeOf(playbook, manifest, facts);
  const steps = playbook.steps
    .filter((step) => step.if === undefined || evaluate(step.if, scope) === true)
    .map((step) => planStep(step, { playbook, manifest, facts, scope }));
  const destroy = steps.find((step) => step.effect === "destroy" && step.manual === undefined);
  const digest = createHash("sha256").update(JSON.stringify(playbook)).digest("hex").slice(0, 12);
  return {
    hash: planHash(playbook, digest, facts),
    facts,
    playbook: { name: playbook.name, version: playbook.version, digest },
    driver: manifest.type,
    steps,
    approvals: approvals(steps, manifest, facts),
    ...(destroy === undefined ? {} : { pointOfNoReturn: destroy.id }),
    ...(manifest.advice === undefined ? {} : { advice: manifest.advice }),
    blockers: [...missingInputs(playbook, facts), ...blockers(steps, manifest, facts)],
  };
}

/** The mode that the server's policy asks for, the playbook allows, and the incident may escalate. */
export function modeOf(playbook: Playbook, wanted: Mode, facts: Pick<PlanFacts, "public" | "alive" | "usage" | "identity">): Mode {
  const { modes, escalate } = playbook.policy;
  const mode = modes.includes(wanted) ? wanted : (modes[0] ?? "graceful");
  if (escalate === undefined) return mode;
  return evaluate(escalate.when, { ...incidentScope(facts), mode, reversible: false, mints: true, inputs: {} }) === true
    ? escalate.to
    : mode;
}

/** The playbook that serves this credential: the one that asks for most, in the order of the list. */
export function choosePlaybook(
  playbooks: readonly Playbook[],
  { manifest, detector, environment, kind }: { manifest: Manifest; detector: string; environment: string; kind: string | undefined },
): Playbook | undefined {
  const fits = playbooks.filter(
    ({ match, steps }) =>
      match.credential.includes(detector) &&
      worksWith(steps, manifest) &&
      (match.environment === undefined || match.environment.includes(environment)) &&
      (match.kind === undefined || (kind !== undefined && match.kind.includes(kind))),
  );
  const demands = ({ match }: Playbook) => Number(match.environment !== undefined) + Number(match.kind !== undefined);
  return fits.toSorted((a, b) => demands(b) - demands(a))[0];
}

/** Whether the steps are of this driver: several may serve one type. */
export function worksWith(steps: Playbook["steps"], { type }: Manifest): boolean {
  const families = steps.flatMap(({ uses }) => /^([a-z][a-z0-9-]*)\/(?:issue|roll|disable|revoke)@1$/.exec(uses)?.[1] ?? []);
  return families.length === 0 || families.includes(type.split("/")[0] ?? type);
}

function incidentScope(facts: Pick<PlanFacts, "public" | "alive" | "usage" | "identity">) {
  return {
    public: facts.public === true,
    alive: facts.alive === true,
    usage: facts.usage?.answer ?? "cannot-be-known",
    environment: facts.identity?.environment ?? "production",
  };
}

function scopeOf(playbook: Playbook, manifest: Manifest, facts: PlanFacts): Scope {
  return {
    ...incidentScope(facts),
    mode: facts.mode,
    reversible: manifest.reversible.disable,
    mints: manifest.verbs.issue !== undefined,
    inputs: Object.fromEntries(Object.entries(playbook.inputs).map(([name, { from }]) => [name, inputValue(from, facts) ?? ""])),
  };
}

function inputValue(from: string, { attributes, identity, connection }: PlanFacts): string | undefined {
  const [source, name = ""] = from.split(".");
  if (source === "attributes") return attributes[name];
  if (source === "identity") return identity?.[name as "name" | "kind" | "owner"];
  return source === "connection" ? connection : (identity?.environment ?? "production");
}

function missingInputs({ inputs }: Playbook, facts: PlanFacts): string[] {
  return Object.entries(inputs).flatMap(([name, { from, required }]) =>
    required && (inputValue(from, facts) ?? "") === "" ? [`the playbook's input '${name}' is not known (from ${from})`] : [],
  );
}

interface StepContext {
  readonly playbook: Playbook;
  readonly manifest: Manifest;
  readonly facts: PlanFacts;
  readonly scope: Scope;
}

function planStep(step: PlaybookStep, context: StepContext): PlanStep {
  const { manifest, facts, scope } = context;
  const name = step.uses.replace(/@1$/, "");
  const verb = name.split("/")[1] ?? "";
  const options = optionsOf(step, context);
  const base = { id: step.id, uses: step.uses, title: fill(step.title, scope), ...(options === undefined ? {} : { with: options }) };
  if (name === "manual")
    return { ...base, effect: "destroy", manual: { page: fill(String(step.with["page"]), scope, encodeURIComponent) } };
  if (name === "sinks/promote") return { ...base, effect: "mutate" };
  if (name.startsWith("credential/") || name.startsWith("consumers/") || name.startsWith("proof/") || name === "wait" || verb === "probe")
    return { ...base, effect: "read" };
  const promise = manifest.verbs[verb as "issue" | "roll" | "disable" | "revoke"];
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

function optionsOf({ with: given }: PlaybookStep, { playbook }: StepContext): StepOptions | undefined {
  const duration = (name: string) => (given[name] === undefined ? undefined : durationOf(String(given[name])));
  const key = given["key"] === undefined ? undefined : handleOf(String(given["key"]), playbook);
  const options: StepOptions = {
    ...(key === undefined ? {} : { key }),
    ...(given["expect"] === "alive" || given["expect"] === "dead" ? { expect: given["expect"] } : {}),
    ...(given["times"] === undefined ? {} : { times: Number(given["times"]) }),
    ...Object.fromEntries(
      (["over", "for", "timeout"] as const).flatMap((name) => (duration(name) === undefined ? [] : [[name, duration(name)]])),
    ),
  };
  return Object.keys(options).length === 0 ? undefined : options;
}

function handleOf(text: string, { steps }: Playbook): "old" | "new" {
  const id = /steps\.([a-z][a-z0-9-]*)\.secret/.exec(text)?.[1];
  return steps.find((step) => step.id === id)?.uses.startsWith("credential/recover") === true ? "old" : "new";
}

/** contracts.md §8: a reversible disable needs nobody; non-production its owner; an irreversible production revoke two people. */
function approvals(steps: readonly PlanStep[], manifest: Manifest, facts: PlanFacts): PlanApproval[] {
  if (!steps.some((step) => step.effect === "destroy" && step.manual === undefined))
    return [{ from: "writer", why: "reversible or read-only" }];
  const environment = facts.identity?.environment ?? "production";
  const why = [
    `revokes in ${environment}`,
    ...(facts.consumers === "unknown" ? ["consumers unknown"] : []),
    ...(steps.some(({ uses }) => uses === "sinks/promote@1") ? sinkRisks(facts.sinks) : []),
    ...(steps.some(({ uses }) => uses.endsWith("/roll@1")) ? [rollRisk(manifest, facts)] : []),
    ...(manifest.class === "two-slot" ? ["regenerates the other slot too, which its owner declares unused"] : []),
  ].join("; ");
  const owner: PlanApproval = { from: "identity-owner", why };
  return environment === "production" ? [owner, { from: "second-person", why: "an irreversible revoke in production" }] : [owner];
}

/** What people approve where a place cannot take a value back or see somebody else's write. */
function sinkRisks(sinks: readonly PlannedSink[]): string[] {
  return sinks.flatMap(({ connection, path, lacks = [] }) => {
    const risks = [
      ...(lacks.includes("undo") ? ["has no undo of its own"] : []),
      ...(lacks.includes("cas") ? ["may overwrite what somebody writes at that moment"] : []),
    ];
    return risks.length === 0 ? [] : [`${connection}:${path} ${risks.join(" and ")}`];
  });
}

function rollRisk(manifest: Manifest, { grace = 0 }: PlanFacts): string {
  return manifest.class === "grace-roll"
    ? `the old value stops working ${Math.round(grace / 60_000)} min after the roll, whoever still uses it`
    : "the old value stops working at once: an outage until every consumer has read the new one";
}

function blockers(steps: readonly PlanStep[], manifest: Manifest, facts: PlanFacts): string[] {
  const found: string[] = [];
  if (facts.honeytoken === true)
    found.push(
      `it is a honeytoken, which is never contained or rotated: its use is the alarm. ${facts.identity?.owner ?? "Its owner"} must look at who took it`,
    );
  const manual = steps.filter((step) => step.manual !== undefined);
  if (manual.length > 0) found.push(`${manual.map((step) => step.title).join("; ")}: by hand`);
  if (steps.some((step) => step.uses === "sinks/promote@1")) found.push(...sinkBlockers(manifest, facts.sinks));
  if (facts.consumers === "unknown" && steps.some((step) => step.uses === "consumers/converged@1"))
    found.push("consumers unknown: declare them (consumers in .rekey/identities.yml), or `consumers: none`");
  if (manifest.class === "two-slot" && steps.some(({ uses }) => uses.endsWith("/issue@1")) && facts.otherSlot !== "unused")
    found.push(
      "regenerating the other slot kills whoever uses it: its owner must declare it free (other_slot: unused in .rekey/identities.yml)",
    );
  if (manifest.grace?.max !== undefined && (facts.grace ?? 0) > manifest.grace.max)
    found.push(
      `the vendor keeps an old value for at most ${Math.round(manifest.grace.max / 60_000)} min, which is less than twice the consumers' timeout (policy.consumers.timeout in rekey.yml)`,
    );
  if (!manifest.killByPossession && facts.named === undefined && manifest.class !== "manual")
    found.push("the vendor's record of this credential could not be named with certainty");
  return found;
}

/** A new value must have a place where it can wait and be read again, and everything that consumers need must be stored with it. */
function sinkBlockers(manifest: Manifest, sinks: readonly PlannedSink[]): string[] {
  if (sinks.length === 0) return ["nobody declared where this credential is stored (stored_in in .rekey/identities.yml)"];
  const found = sinks.flatMap(({ connection, path, blocked }) => (blocked === undefined ? [] : [`${connection}:${path}: ${blocked}`]));
  if (sinks.every(({ lacks = [] }) => lacks.includes("pending") || lacks.includes("readBack")))
    found.push(
      "no place that stores this credential can hold a new value back until it is tested; declare one in Vault KV v2 or AWS Secrets Manager too, or let rekey.yml name a Vault KV v2 for the quarantine",
    );
  for (const sink of sinks.filter(({ refresh }) => refresh !== true)) {
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

function planHash(playbook: Playbook, digest: string, facts: PlanFacts): string {
  const { credential, identity, sinks, mode, named, grace } = facts;
  const consumers = typeof facts.consumers === "string" ? facts.consumers : facts.consumers.map(({ name, report }) => ({ name, report }));
  const covered = {
    fingerprint: credential.fingerprint,
    subject: credential.subject ?? "",
    identity: identity?.id ?? "",
    consumers,
    sinks: sinks.map(({ blocked: _, notes: __, ...place }) => place),
    mode,
    named: named?.id ?? "",
    ...(grace === undefined ? {} : { grace }),
    playbook: `${playbook.name}@${playbook.version}#${digest}`,
  };
  return createHash("sha256").update(JSON.stringify(covered)).digest("hex").slice(0, 12);
}
