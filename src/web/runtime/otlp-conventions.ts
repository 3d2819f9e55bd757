import type { Severity } from "../../finding.ts";
import { momentOf, oneLine } from "../../incident/mapping.ts";
import type { RuntimeAction, RuntimeEvent, RuntimeHints, RuntimeKind } from "../../incident/runtime.ts";

/** One signal of OTLP: its address, messages and the names of its lists. */
export interface Signal {
  readonly name: "traces" | "logs";
  readonly path: string;
  readonly request: string;
  readonly response: string;
  readonly groups: string;
  readonly scopes: string;
  readonly items: string;
  readonly rejected: string;
}

const collector = "opentelemetry.proto.collector";
export const signals: Readonly<Record<"traces" | "logs", Signal>> = {
  traces: {
    name: "traces",
    path: "/v1/traces",
    request: `${collector}.trace.v1.ExportTraceServiceRequest`,
    response: `${collector}.trace.v1.ExportTraceServiceResponse`,
    groups: "resourceSpans",
    scopes: "scopeSpans",
    items: "spans",
    rejected: "rejectedSpans",
  },
  logs: {
    name: "logs",
    path: "/v1/logs",
    request: `${collector}.logs.v1.ExportLogsServiceRequest`,
    response: `${collector}.logs.v1.ExportLogsServiceResponse`,
    groups: "resourceLogs",
    scopes: "scopeLogs",
    items: "logRecords",
    rejected: "rejectedLogRecords",
  },
};

/** A span or a log record. */
export interface Item {
  readonly resource: unknown;
  /** Attributes of its resource, then its own. */
  readonly shared: Attributes;
  readonly own: Attributes;
  readonly body: object;
}

export type Attributes = ReadonlyMap<string, string | number | boolean>;

/** Texts, numbers and truths of a message's attributes; lists and maps are passed over. */
export function attributesOf(message: unknown): Attributes {
  const found = new Map<string, string | number | boolean>();
  for (const one of listIn(message, "attributes")) {
    const { key, value } = one as { key?: unknown; value?: unknown };
    if (typeof key !== "string" || typeof value !== "object" || value === null) continue;
    const { stringValue, intValue, doubleValue, boolValue } = value as Readonly<Record<string, unknown>>;
    if (typeof stringValue === "string") found.set(key, stringValue);
    else if (typeof boolValue === "boolean") found.set(key, boolValue);
    else if (typeof doubleValue === "number") found.set(key, doubleValue);
    else if (typeof intValue === "number" || typeof intValue === "string") found.set(key, Number(intValue));
  }
  return found;
}

/** OpenTelemetry's semantic conventions for generative AI, and LiteLLM's names for its virtual keys. */
export function hintsOf(item: Item): RuntimeHints {
  const named = (...keys: readonly string[]) => textIn(item, keys);
  const hints = {
    agent: named("gen_ai.agent.name"),
    agentId: named("gen_ai.agent.id"),
    service: named("service.name"),
    keyAlias: named("metadata.user_api_key_alias", "litellm.user_api_key_alias"),
    keyHash: hash(named("metadata.user_api_key_hash", "litellm.user_api_key_hash", "metadata.user_api_key")),
  };
  return Object.fromEntries(Object.entries(hints).filter(([, value]) => value !== undefined));
}

export function modelOf(item: Item): string | undefined {
  return textIn(item, ["gen_ai.response.model", "gen_ai.request.model"]);
}

function hash(text: string | undefined): string | undefined {
  return text !== undefined && /^[0-9a-f]{64}$/i.test(text) ? text.toLowerCase() : undefined;
}

function textIn({ own, shared }: Item, keys: readonly string[]): string | undefined {
  for (const from of [own, shared])
    for (const key of keys) {
      const value = from.get(key);
      const line = typeof value === "string" ? oneLine(value) : undefined;
      if (line !== undefined) return line;
    }
  return undefined;
}

/**
 * What a guardrail found: the event `gen_ai.security.finding` on a span or as a log record, or a guardrail's own span. The conventions are a
 * proposal (semantic-conventions-genai pull request 427, read 2026-11); Microsoft's distribution emits the same under `microsoft.security.`.
 */
export function findingsOf(item: Item, hints: RuntimeHints, source: string): RuntimeEvent[] {
  const { body, own } = item;
  const { eventName, name, timeUnixNano, startTimeUnixNano } = body as Readonly<Record<string, unknown>>;
  const base = { source, hints, model: modelOf(item), tool: textIn(item, ["gen_ai.tool.name"]) };
  const inside = listIn(body, "events")
    .slice(0, 100)
    .filter((event) => isFinding((event as { name?: unknown }).name))
    .map((event) => findingIn(attributesOf(event), own, base, (event as { timeUnixNano?: unknown }).timeUnixNano));
  if (inside.length > 0) return inside.flatMap((one) => one ?? []);
  const event = eventName ?? own.get("event.name") ?? name;
  const guardrail = ["apply_guardrail", "run_guardrail"].includes(String(own.get("gen_ai.operation.name")));
  if (!isFinding(event) && !guardrail) return [];
  const found = findingIn(own, own, base, timeUnixNano ?? startTimeUnixNano);
  return found === undefined ? [] : [found];
}

const prefixes = ["gen_ai.security.", "microsoft.security."] as const;

function isFinding(name: unknown): boolean {
  return prefixes.some((prefix) => name === `${prefix}finding`);
}

type Base = Pick<RuntimeEvent, "source" | "hints"> & { readonly model: string | undefined; readonly tool: string | undefined };

function findingIn(attributes: Attributes, around: Attributes, base: Base, time: unknown): RuntimeEvent | undefined {
  const read = (...names: readonly string[]) => {
    for (const from of [attributes, around])
      for (const prefix of prefixes)
        for (const name of names) {
          const value = from.get(`${prefix}${name}`);
          if (value !== undefined) return value;
        }
    return undefined;
  };
  const text = (...names: readonly string[]) => {
    const value = read(...names);
    return typeof value === "string" ? oneLine(value) : undefined;
  };
  const category = text("risk.finding", "risk.category");
  const action = actions[text("action.type", "verdict.type", "decision.type")?.toLowerCase() ?? ""];
  const level = text("risk.severity")?.toLowerCase();
  // a check that passed is no event
  if ((category === undefined && action === undefined) || level === "none" || (action === "allowed" && category === undefined))
    return undefined;
  const tool = base.tool ?? (text("target.type")?.startsWith("tool") === true ? text("target.id") : undefined);
  const kind = kindOfRisk(category, text("target.type"));
  const rule = text("policy.rule.id", "policy.name", "policy.id");
  const at = momentOf(typeof time === "number" ? String(time) : time, "unix-ns");
  const facts = {
    title: category,
    at,
    externalId: text("external_finding_id", "external_event_id"),
    action,
    rule,
    tool,
    model: base.model,
  };
  return {
    source: base.source,
    kind,
    severity: severityOfRisk(level, read("risk.score")),
    ...(Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as Partial<RuntimeEvent>),
    hints: base.hints,
  };
}

const actions: Readonly<Record<string, RuntimeAction>> = {
  block: "blocked",
  deny: "blocked",
  modify: "masked",
  redact: "masked",
  warn: "flagged",
  audit: "flagged",
  escalate: "flagged",
  allow: "allowed",
};

const kinds: readonly (readonly [RegExp, RuntimeKind])[] = [
  [/prompt.?injection|jailbreak|llm01/i, "prompt-injection"],
  [/sensitive|disclosure|leak|\bpii\b|secret|credential|exfiltrat|\bdlp\b|llm02|llm07/i, "data-leakage"],
  [/excessive.?agency|tool|llm06/i, "unsafe-tool-use"],
];

function kindOfRisk(category: string | undefined, target: string | undefined): RuntimeKind {
  const known = category === undefined ? undefined : kinds.find(([pattern]) => pattern.test(category));
  return known?.[1] ?? (category === undefined && target?.startsWith("tool_call") === true ? "unsafe-tool-use" : "policy-violation");
}

/** The proposal leaves the scale of a score to the guardrail; where it lies between 0 and 1 it counts, otherwise nothing is known. */
function severityOfRisk(level: string | undefined, score: unknown): Severity {
  if (level === "critical" || level === "high" || level === "medium" || level === "low") return level;
  if (typeof score !== "number" || score < 0 || score > 1) return "medium";
  return score >= 0.8 ? "high" : score >= 0.4 ? "medium" : "low";
}

function listIn(of: unknown, field: string): readonly unknown[] {
  const list = typeof of === "object" && of !== null ? (of as Readonly<Record<string, unknown>>)[field] : undefined;
  return Array.isArray(list) ? list.slice(0, 1000).filter((one) => typeof one === "object" && one !== null) : [];
}
