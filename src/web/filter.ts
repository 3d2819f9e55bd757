import { z } from "zod";
import { type ListedIncident, resolutions } from "../incident/fold.ts";
import { incidentKinds, kindOf } from "../incident/runtime.ts";
import { slaOf } from "../incident/sla.ts";
import { ageOf } from "../metric/summary.ts";

const one = z.string().min(1).max(300);

/** What the address of a list may say. Everything is optional; values of one name are alternatives. */
export const Filter = z.strictObject({
  kind: z.enum(incidentKinds).optional(),
  state: z.enum(["open", "resolved"]).optional(),
  severity: z.enum(["critical", "high", "medium", "low", "info"]).optional(),
  validity: z.enum(["active", "inactive", "unknown"]).optional(),
  resolution: z.enum(resolutions).optional(),
  owner: one.optional(),
  repository: one.optional(),
  identity: one.optional(),
  type: one.optional(),
  /** `overdue` = past its SLA, `held` = its rotation waits for a person, `unowned` = nobody owns it. */
  only: z.enum(["overdue", "held", "unowned"]).optional(),
  origin: z.enum(["new", "history"]).optional(),
  sort: z.enum(["urgent", "oldest", "newest"]).optional(),
  /** Id of the last row of the page before. */
  after: z
    .string()
    .regex(/^RK-[0-9A-Z]{1,12}$/i)
    .optional(),
  limit: z.coerce.number().int().min(1).max(1000).optional(),
});

export type Filter = z.output<typeof Filter>;

/** The filter that an address asks for, or one sentence on what is wrong with it. */
export function parseFilter(query: Readonly<Record<string, string>>): Filter | string {
  const given = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ""));
  const read = Filter.safeParse(given);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  if (issue?.code === "unrecognized_keys") return `'${issue.keys[0]}' is not a filter; there are ${Object.keys(Filter.shape).join(", ")}`;
  const name = String(issue?.path[0] ?? "the query");
  return `${name}: ${issue?.message.replace("Invalid option: ", "") ?? "not understood"}`;
}

/** One page of a list. `next` is the `after` of the page behind it. */
export interface Page {
  readonly rows: readonly ListedIncident[];
  /** How many the filter lets through on all pages. */
  readonly total: number;
  readonly next?: string;
}

export function select(incidents: readonly ListedIncident[], filter: Filter, now: string): Page {
  const order = orders[filter.sort ?? "urgent"];
  const matching = incidents.filter((incident) => fits(incident, filter, now)).toSorted(order);
  const after = filter.after?.toUpperCase();
  const last = incidents.find(({ id }) => id === after);
  // by its place in the order, not by its number: the row itself may be closed by now, and rows before it gone or new
  const rest = last === undefined ? matching : matching.filter((incident) => order(last, incident) < 0);
  const rows = rest.slice(0, filter.limit ?? 100);
  const end = rows.at(-1);
  return { rows, total: matching.length, ...(end === undefined || rows.length === rest.length ? {} : { next: end.id }) };
}

function fits(incident: ListedIncident, filter: Filter, now: string): boolean {
  const { kind, state, severity, validity, resolution, owner, repository, identity, type, only, origin } = filter;
  return (
    (kind === undefined || kindOf(incident) === kind) &&
    (state === undefined || incident.state === state) &&
    (severity === undefined || incident.severity === severity) &&
    (validity === undefined || incident.validity === validity) &&
    (resolution === undefined || incident.resolution === resolution) &&
    (owner === undefined || incident.owner === owner) &&
    (repository === undefined || incident.repositories.includes(repository)) &&
    (identity === undefined || incident.identities.some(({ id }) => id === identity)) &&
    (type === undefined || incident.credential.detector === type) &&
    (origin === undefined || incident.preExisting === (origin === "history")) &&
    (only === undefined || narrowed[only](incident, now))
  );
}

const narrowed: Readonly<Record<NonNullable<Filter["only"]>, (incident: ListedIncident, now: string) => boolean>> = {
  overdue: (incident, now) => incident.state === "open" && ageOf(incident, now) > slaOf(incident).dead,
  held: ({ state, run }) => state === "open" && run?.state === "held",
  unowned: ({ owner }) => owner === undefined,
};

const weight = { critical: 0, high: 1, medium: 2, low: 3, info: 4 } as const;

const orders: Readonly<Record<NonNullable<Filter["sort"]>, (a: ListedIncident, b: ListedIncident) => number>> = {
  /** Open before closed, alive before the rest, new before history, then by severity and age. */
  urgent: (a, b) =>
    Number(b.state === "open") - Number(a.state === "open") ||
    Number(b.validity === "active") - Number(a.validity === "active") ||
    Number(a.preExisting) - Number(b.preExisting) ||
    weight[a.severity] - weight[b.severity] ||
    byAge(a, b),
  oldest: byAge,
  newest: (a, b) => byAge(b, a),
};

function byAge(a: ListedIncident, b: ListedIncident): number {
  return a.clock.detected < b.clock.detected ? -1 : a.clock.detected > b.clock.detected ? 1 : a.id < b.id ? -1 : 1;
}

/** The address of a list with some of its filters changed; `undefined` takes one away. Always back on the first page. */
export function address(path: string, filter: Filter, change: { readonly [name in keyof Filter]?: Filter[name] | undefined } = {}): string {
  const wanted = { ...filter, after: undefined, ...change };
  const query = new URLSearchParams(
    Object.entries(wanted).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)] as [string, string]])),
  );
  return query.size === 0 ? path : `${path}?${query}`;
}
