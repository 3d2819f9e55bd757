import type { Severity } from "../finding.ts";

/** What can happen at runtime to an AI identity, other than that its credential leaks. */
export const runtimeKinds = ["prompt-injection", "data-leakage", "unsafe-tool-use", "policy-violation"] as const;
export type RuntimeKind = (typeof runtimeKinds)[number];

export const incidentKinds = ["leaked-credential", ...runtimeKinds] as const;
export type IncidentKind = (typeof incidentKinds)[number];

/** What the source did about it, as it says itself: `allowed` and `flagged` went through. */
export const runtimeActions = ["blocked", "masked", "flagged", "allowed"] as const;
export type RuntimeAction = (typeof runtimeActions)[number];

/** How people call a kind. */
export const kindNames: Readonly<Record<IncidentKind, string>> = {
  "leaked-credential": "Leaked credential",
  "prompt-injection": "Prompt injection",
  "data-leakage": "Data leakage",
  "unsafe-tool-use": "Unsafe tool use",
  "policy-violation": "Policy violation",
};

/** Whom a source says that it was about; nothing of it is proven. Each at most 200 characters. */
export interface RuntimeHints {
  /** `gen_ai.agent.name`, or what the source calls the agent. */
  readonly agent?: string;
  readonly agentId?: string;
  /** `service.name`. */
  readonly service?: string;
  /** LiteLLM's name of a virtual key. */
  readonly keyAlias?: string;
  /** SHA-256 of a virtual key in hexadecimal, as LiteLLM keeps it. */
  readonly keyHash?: string;
}

/** One event that a source reported: what was kept of it. Holds no prompt, no answer and no value. */
export interface RuntimeEvent {
  /** A source of the server's configuration. */
  readonly source: string;
  readonly kind: RuntimeKind;
  readonly severity: Severity;
  /** One line for people, at most 200 characters; absent where the source names nothing. */
  readonly title?: string;
  /** ISO 8601 UTC, as the source says; absent = when it came. */
  readonly at?: string;
  /** The source's own id of the alert: every event with it is about the same incident. */
  readonly externalId?: string;
  readonly action?: RuntimeAction;
  /** The policy or detector that spoke. */
  readonly rule?: string;
  readonly tool?: string;
  readonly model?: string;
  /** A page of the source, https only. */
  readonly link?: string;
  readonly hints: RuntimeHints;
}

/** What the incident of a runtime event shows of its reports: facts of the latest, and how many there were. */
export interface RuntimeReport extends Pick<RuntimeEvent, "source" | "externalId" | "action" | "rule" | "tool" | "model" | "link"> {
  readonly count: number;
  /** ISO 8601 UTC: when the latest happened. */
  readonly lastAt: string;
}

export function kindOf(incident: { readonly kind?: RuntimeKind }): IncidentKind {
  return incident.kind ?? "leaked-credential";
}

/** A leaked credential has a clock that ends with its death; a runtime event is ended by a person. They are never counted together. */
export function isCredential(incident: { readonly kind?: RuntimeKind }): boolean {
  return incident.kind === undefined;
}

/** "Prompt injection: role change in a tool result", or the kind alone. */
export function titleOf({ kind, title }: Pick<RuntimeEvent, "kind" | "title">): string {
  return title === undefined || title === "" ? kindNames[kind] : `${kindNames[kind]}: ${title}`;
}
