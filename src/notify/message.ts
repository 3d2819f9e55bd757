import { createHash } from "node:crypto";
import type { IncidentEvent, Recorded } from "../incident/event.ts";
import type { Incident } from "../incident/fold.ts";
import { type IncidentKind, isCredential, kindOf, type RuntimeAction } from "../incident/runtime.ts";
import { compareSeverities } from "../incident/severity.ts";
import { isProduction } from "../incident/sla.ts";

/** What is told to the outside, and when. */
export const topics = ["opened", "live", "held", "dead", "reopened", "accepted", "dismissed", "resolved", "overdue"] as const;
export type Topic = (typeof topics)[number];

/** One thing to tell. Holds ids, names and places; never a value, and nothing of what a file says. */
export interface Message {
  /** The same each time it is sent, so that a receiver can leave out repetitions. */
  readonly id: string;
  readonly topic: Topic;
  /** ISO 8601 UTC. */
  readonly at: string;
  /** One sentence in plain text, without markup. */
  readonly sentence: string;
  readonly incident: {
    readonly id: string;
    readonly kind: IncidentKind;
    readonly title: string;
    readonly severity: Incident["severity"];
    readonly state: Incident["state"];
    readonly validity: Incident["validity"];
    readonly owner?: string;
    readonly environment?: string;
    readonly repository?: string;
    readonly identities: readonly { readonly kind: string; readonly name: string }[];
    readonly exposed: string;
    readonly detected: string;
    readonly dead?: string;
    /** On the dashboard. */
    readonly url?: string;
  };
}

/** Whom a target is for; everything that is given must fit. */
export interface Route {
  readonly when: readonly Topic[];
  /** The least severity. */
  readonly severity: Incident["severity"];
  readonly owners?: readonly string[] | undefined;
  readonly repositories?: readonly string[] | undefined;
  readonly environment?: "production" | "other" | undefined;
}

/** What an event says to the outside; undefined for those that are nobody's news. */
export function topicOf(event: IncidentEvent): Topic | undefined {
  switch (event.type) {
    case "opened":
      return "opened";
    case "validity-observed":
      return event.validity === "active" ? "live" : undefined;
    case "run-held":
      return "held";
    case "dead":
      return "dead";
    case "acceptance-expired":
    case "exception-ended":
    case "reopened":
      return "reopened";
    case "accepted":
      return "accepted";
    case "false-positive":
    case "used-in-tests":
      return "dismissed";
    case "resolved":
      return "resolved";
    default:
      return undefined;
  }
}

export function messageOf(incident: Incident, topic: Topic, of: Pick<Recorded<unknown>, "at" | "seq">, dashboard?: string): Message {
  const { id, credential, severity, state, validity, owner, environment, repository, identities, clock } = incident;
  return {
    id: `msg_${createHash("sha256").update(`${id}/${of.seq}/${topic}`).digest("hex").slice(0, 24)}`,
    topic,
    at: of.at,
    sentence: sentence(incident, topic),
    incident: {
      id,
      kind: kindOf(incident),
      title: credential.title,
      severity,
      state,
      validity,
      ...(owner === undefined ? {} : { owner }),
      ...(environment === undefined ? {} : { environment }),
      ...(repository === undefined ? {} : { repository }),
      identities: identities.slice(0, 10).map(({ kind, name }) => ({ kind, name })),
      exposed: clock.exposed,
      detected: clock.detected,
      ...(clock.dead === undefined ? {} : { dead: clock.dead }),
      ...(dashboard === undefined ? {} : { url: `${dashboard}/incidents/${id}` }),
    },
  };
}

export function isFor(route: Route, topic: Topic, { severity, owner, repository, environment }: Incident): boolean {
  const production = isProduction(environment);
  return (
    route.when.includes(topic) &&
    compareSeverities(severity, route.severity) <= 0 &&
    (route.owners === undefined || (owner !== undefined && route.owners.some((one) => one.toLowerCase() === owner.toLowerCase()))) &&
    (route.repositories === undefined || (repository !== undefined && route.repositories.includes(repository))) &&
    (route.environment === undefined || (route.environment === "production") === production)
  );
}

function sentence(incident: Incident, topic: Topic): string {
  const { id, credential, owner, identities, repository, run, acceptance, dismissal, settlement, report } = incident;
  const [identity] = identities;
  const whose = identity === undefined ? "" : ` of ${identity.kind} ${identity.name}`;
  const what = `${id}: ${credential.title}${whose}`;
  const where = repository === undefined ? "" : ` in ${repository}`;
  const by = owner === undefined ? "nobody owns it" : `owner ${owner}`;
  const words: Readonly<Record<Topic, string>> = {
    opened: isCredential(incident)
      ? `${what} leaked${where}; ${by}`
      : `${what}${done(report?.action)}, reported by ${report?.source}; ${by}`,
    live: `${what} was accepted by its vendor: it is alive; ${by}`,
    held: `${what}: its rotation waits for a person (${run?.code ?? "no reason was kept"}); ${by}`,
    dead: `${what} is proven dead`,
    reopened: `${what} is open again; ${by}`,
    accepted: `${what}: the risk was accepted${acceptance === undefined ? "" : ` by ${acceptance.by} until ${acceptance.until.slice(0, 10)}`}`,
    dismissed: `${what} was dismissed${dismissal === undefined ? "" : ` by ${dismissal.by}`}`,
    resolved: `${what} was ${settlement?.contained === true ? "contained" : "resolved"}${settlement === undefined ? "" : ` by ${settlement.by}`}`,
    overdue: `${what} is past the time allowed for its severity; ${by}`,
  };
  return `${words[topic]}.`;
}

function done(action: RuntimeAction | undefined): string {
  if (action === undefined) return "";
  return action === "blocked" || action === "masked" ? `, ${action}` : ", not stopped";
}
