import { z } from "zod";
import type { Severity } from "../finding.ts";
import { parseStrictYaml } from "../strict-yaml.ts";
import { type RuntimeEvent, type RuntimeHints, runtimeActions, runtimeKinds } from "./runtime.ts";

/** Bounds of what a vendor's body may say. Longer texts are cut, further events are counted and left out. */
const limits = { events: 100, text: 200, id: 300, link: 500, segments: 20 } as const;

const severities = ["critical", "high", "medium", "low", "info"] as const;

/**
 * `$.a.b[0]['c d']` from the top of the body, `@.a` from the event: the singular queries of RFC 9535 (2.3.5.1). Nothing is computed: no
 * filter, no function, no slice.
 */
const path = z
  .string()
  .max(300)
  .refine((text) => segmentsOf(text) !== undefined, "expected a path such as $.result.rule or @.items[0]['rule name']");

/** The path of the events themselves may end in `[*]`: each item of a list. */
const listPath = z
  .string()
  .max(300)
  .refine(
    (text) => text.startsWith("$") && segmentsOf(text.replace(/\[\*\]$/, "")) !== undefined,
    "expected a path from $ that may end in [*], such as $.events[*]",
  );

const literal = z.union([z.string().max(200), z.number(), z.boolean(), z.null()]);

/** Where a text comes from: a path, the first of several that holds something, or always the same. */
const text = z.union([
  path,
  z.strictObject({ paths: z.array(path).min(1).max(10) }),
  z.strictObject({ const: z.string().min(1).max(200) }),
]);

/** A value of the vendor becomes one of ours. `values` compares as text, without case; what stands in no line is `default`. */
const oneOf = <V extends readonly [string, ...string[]]>(values: V) =>
  z.union([
    z.strictObject({ const: z.enum(values) }),
    z.strictObject({
      path,
      values: z.record(z.string().max(200), z.enum(values)).refine((known) => Object.keys(known).length > 0, "expected at least one value"),
      default: z.enum(values).optional(),
    }),
  ]);

/** A number of the vendor becomes a severity: the first line whose `from` it reaches. */
const scored = z.strictObject({
  path,
  scores: z
    .array(z.strictObject({ from: z.number(), severity: z.enum(severities) }))
    .min(1)
    .max(10),
  default: z.enum(severities).optional(),
});

/** How a vendor's JSON becomes runtime events. One file for each kind of webhook, beside the server's configuration. */
export const Mapping = z.strictObject({
  version: z.literal(1),
  /** For people: which product and which of its webhooks. */
  name: z.string().min(1).max(100),
  /** Absent = the body is one event. */
  events: listPath.optional(),
  /** All must hold; what does not fit is no event, and no error. */
  when: z
    .array(z.strictObject({ path, is: z.union([literal, z.array(literal).min(1).max(50)]) }))
    .max(10)
    .default([]),
  kind: oneOf(runtimeKinds),
  severity: z.union([oneOf(severities), scored]),
  title: text.optional(),
  /** The vendor's own id of the alert: what comes with it again is the same incident. */
  id: text.optional(),
  time: z.strictObject({ path, format: z.enum(["iso", "unix", "unix-ms", "unix-ns"]) }).optional(),
  action: oneOf(runtimeActions).optional(),
  rule: text.optional(),
  tool: text.optional(),
  model: text.optional(),
  link: text.optional(),
  identity: z
    .strictObject({
      agent: text.optional(),
      agent_id: text.optional(),
      service: text.optional(),
      key_alias: text.optional(),
      key_hash: text.optional(),
    })
    .default({}),
});
export type Mapping = z.output<typeof Mapping>;

/** Throws ConfigError with file, line and column. */
export function parseMapping(yaml: string, file: string): Mapping {
  return parseStrictYaml(yaml, file, Mapping);
}

export interface Mapped {
  readonly events: readonly RuntimeEvent[];
  /** Events that `when` left out. */
  readonly ignored: number;
  /** What could not become an event, one sentence each: expected and found, never the vendor's text. */
  readonly problems: readonly string[];
}

/** Pure, and safe on hostile bodies: only own properties are read, texts are cut, and nothing of the body is evaluated. */
export function applyMapping(mapping: Mapping, body: unknown, source: string): Mapped {
  const items = itemsOf(mapping, body);
  if (items === undefined) return { events: [], ignored: 0, problems: [`expected a list at ${mapping.events}, the body has none`] };
  const problems: string[] = [];
  if (items.length > limits.events)
    problems.push(`${items.length - limits.events} of ${items.length} events were left out: at most ${limits.events} a call`);
  const events: RuntimeEvent[] = [];
  let ignored = 0;
  for (const [index, item] of items.slice(0, limits.events).entries()) {
    const read = (where: string) => valueAt(where, body, item);
    if (!mapping.when.every(({ path: where, is }) => (Array.isArray(is) ? is : [is]).some((one) => one === (read(where) ?? null)))) {
      ignored += 1;
      continue;
    }
    const event = eventOf(mapping, read, source);
    if (typeof event === "string") problems.push(`event ${index + 1}: ${event}`);
    else events.push(event);
  }
  return { events, ignored, problems };
}

type Read = (path: string) => unknown;

function itemsOf({ events }: Mapping, body: unknown): readonly unknown[] | undefined {
  if (events === undefined) return [body];
  const found = valueAt(events.replace(/\[\*\]$/, ""), body, body);
  return Array.isArray(found) ? found : undefined;
}

function eventOf(mapping: Mapping, read: Read, source: string): RuntimeEvent | string {
  const kind = chosen(mapping.kind, read);
  if (kind === undefined) return `kind: no line of 'values' fits what stands at ${pathOf(mapping.kind)}, and there is no default`;
  const severity = severityOf(mapping.severity, read);
  if (severity === undefined) return `severity: no line fits what stands at ${pathOf(mapping.severity)}, and there is no default`;
  const at = mapping.time === undefined ? undefined : momentOf(read(mapping.time.path), mapping.time.format);
  if (mapping.time !== undefined && at === undefined && read(mapping.time.path) !== undefined)
    return `time: expected ${mapping.time.format} at ${mapping.time.path}`;
  const action = mapping.action === undefined ? undefined : chosen(mapping.action, read);
  const link = line(mapping.link, read, limits.link);
  const { agent, agent_id, service, key_alias, key_hash } = mapping.identity;
  return withoutEmpty({
    source,
    kind,
    severity,
    title: line(mapping.title, read, limits.text),
    at,
    externalId: line(mapping.id, read, limits.id),
    action,
    rule: line(mapping.rule, read, limits.text),
    tool: line(mapping.tool, read, limits.text),
    model: line(mapping.model, read, limits.text),
    link: link !== undefined && isPage(link) ? link : undefined,
    hints: withoutEmpty<RuntimeHints>({
      agent: line(agent, read, limits.text),
      agentId: line(agent_id, read, limits.text),
      service: line(service, read, limits.text),
      keyAlias: line(key_alias, read, limits.text),
      keyHash: hashOnly(line(key_hash, read, limits.text)),
    }),
  });
}

function chosen<V extends string>(
  from: { readonly const: V } | { readonly path: string; readonly values: Readonly<Record<string, V>>; readonly default?: V | undefined },
  read: Read,
): V | undefined {
  if ("const" in from) return from.const;
  const given = asText(read(from.path))?.toLowerCase();
  const found = given === undefined ? undefined : Object.entries(from.values).find(([value]) => value.toLowerCase() === given);
  return found?.[1] ?? from.default;
}

function severityOf(from: Mapping["severity"], read: Read): Severity | undefined {
  if (!("scores" in from)) return chosen(from, read);
  const given = read(from.path);
  const score = typeof given === "number" ? given : typeof given === "string" && given.trim() !== "" ? Number(given) : Number.NaN;
  const reached = from.scores.toSorted((a, b) => b.from - a.from).find(({ from: least }) => score >= least);
  return reached?.severity ?? from.default;
}

function pathOf(from: object): string {
  return "path" in from ? String(from.path) : "const";
}

/** One line without control characters, cut; undefined where there is no text. */
function line(from: z.output<typeof text> | undefined, read: Read, most: number): string | undefined {
  if (from === undefined) return undefined;
  if (typeof from === "object" && "const" in from) return from.const;
  const paths = typeof from === "string" ? [from] : from.paths;
  for (const one of paths) {
    const found = asText(read(one));
    if (found !== undefined) return oneLine(found, most);
  }
  return undefined;
}

/** Text of a stranger as one line for people: control characters become blanks, and it is cut to `most` characters. */
export function oneLine(given: string, most: number = limits.text): string | undefined {
  const clean = given
    .slice(0, 4 * most)
    .toWellFormed()
    .replaceAll(/[\p{C}\s]+/gu, " ")
    .trim();
  if (clean === "") return undefined;
  return clean.length <= most ? clean : `${clean.slice(0, most - 1).toWellFormed()}…`;
}

function asText(value: unknown): string | undefined {
  if (typeof value === "string") return value === "" ? undefined : value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

/** 64 hexadecimal digits, as LiteLLM keeps a key; anything else is no hash. */
export function hashOnly(given: string | undefined): string | undefined {
  return given !== undefined && /^[0-9a-f]{64}$/i.test(given) ? given.toLowerCase() : undefined;
}

function isPage(link: string): boolean {
  if (!/^https:\/\/[^\s"'<>@]+$/.test(link)) return false;
  return URL.canParse(link);
}

const perMillisecond = { unix: 1 / 1000, "unix-ms": 1, "unix-ns": 1_000_000 } as const;

/** ISO 8601 UTC; undefined where it is no moment between 2000 and 2100. */
export function momentOf(value: unknown, format: "iso" | "unix" | "unix-ms" | "unix-ns"): string | undefined {
  const ms =
    format === "iso"
      ? typeof value === "string" && /^\d{4}-\d\d-\d\dT/.test(value)
        ? Date.parse(value)
        : Number.NaN
      : typeof value === "number" || (typeof value === "string" && /^\d{1,20}(\.\d{1,9})?$/.test(value))
        ? Number(value) / perMillisecond[format]
        : Number.NaN;
  return ms >= Date.UTC(2000) && ms < Date.UTC(2100) ? new Date(ms).toISOString() : undefined;
}

/** Undefined where the text is no path. The first segment is `$` or `@`. */
function segmentsOf(text: string): (string | number)[] | undefined {
  const segments: (string | number)[] = [];
  const first = text.charAt(0);
  if (first !== "$" && first !== "@") return undefined;
  segments.push(first);
  const part = /\.([A-Za-z_][\w-]*)|\[(\d{1,4})\]|\['([^'\\\p{C}]{1,100})'\]/uy;
  part.lastIndex = 1;
  while (part.lastIndex < text.length) {
    const [, name, index, quoted] = part.exec(text) ?? [];
    if (name !== undefined) segments.push(name);
    else if (index !== undefined) segments.push(Number(index));
    else if (quoted !== undefined) segments.push(quoted);
    else return undefined;
    if (segments.length > limits.segments) return undefined;
  }
  return segments;
}

function valueAt(where: string, body: unknown, item: unknown): unknown {
  const [first, ...rest] = segmentsOf(where) ?? [];
  let value = first === "@" ? item : body;
  for (const segment of rest) {
    if (typeof value !== "object" || value === null) return undefined;
    if (typeof segment === "number" ? !Array.isArray(value) : Array.isArray(value)) return undefined;
    if (!Object.hasOwn(value, segment)) return undefined;
    value = (value as Record<string | number, unknown>)[segment];
  }
  return value;
}

function withoutEmpty<T extends object>(of: { readonly [name in keyof T]: T[name] | undefined }): T {
  return Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)) as T;
}
