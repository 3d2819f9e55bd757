import { compareGrades, type Grade, type Severity, type Validity } from "../finding.ts";
import type { Cause, IncidentEvent, Recorded, RuntimeFacts } from "./event.ts";
import type { RuntimeKind, RuntimeReport } from "./runtime.ts";
import { compareSeverities } from "./severity.ts";

/** GitHub secret scanning's words, and the two ends of a runtime event. */
export const resolutions = ["revoked", "false_positive", "wont_fix", "used_in_tests", "resolved", "contained"] as const;
export type Resolution = (typeof resolutions)[number];

/** ISO 8601 UTC; absent = has not happened. Time to remediate = dead − detected, exposure window = dead − exposed. */
export interface Clock {
  readonly exposed: string;
  readonly detected: string;
  readonly acknowledged?: string;
  readonly contained?: string;
  /** The new credential is live in every consumer. */
  readonly replaced?: string;
  readonly revoked?: string;
  readonly dead?: string;
  readonly closed?: string;
}

export interface LinkedIdentity {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly owner?: string;
  readonly grade: string;
  readonly environment?: string;
  /** How it is known and why, where no place of the incident says so. */
  readonly method?: string;
  readonly evidence?: string;
}

export interface Sighting {
  readonly place: string;
  readonly commit?: string;
  readonly pullRequest?: number;
  readonly pushedBy?: string;
  readonly at: string;
}

export interface Run {
  readonly id: string;
  readonly planHash: string;
  readonly state: "running" | "held" | "done" | "undone" | "failed";
  /** Why it is held: a stable code and a sentence. */
  readonly code?: string;
  readonly message?: string;
}

/** A risk that is lived with until a date. */
export interface Acceptance {
  /** Who asked for it. */
  readonly by: string;
  readonly reason: string;
  /** ISO 8601 UTC. */
  readonly until: string;
  readonly at: string;
  /** Who agreed beside the one who asked; empty where one person was enough. */
  readonly approvers: readonly string[];
  /** How many different people GitHub vouches for among them: two may accept the risk of what lives. */
  readonly people: number;
}

/** An acceptance that waits for agreement. `vouched`: GitHub says who asked. */
export interface Asked extends Omit<Acceptance, "approvers" | "people"> {
  readonly vouched: boolean;
  readonly agreed: readonly { readonly by: string; readonly at: string }[];
}

export interface Lapsed extends Acceptance {
  readonly endedAt: string;
  /** `expired` = its date passed; otherwise why it was opened again. */
  readonly why: string;
}

/** GitHub's alert about the credential, as it was last seen there. */
export type LinkedAlert = Omit<Extract<IncidentEvent, { type: "alert-seen" }>, "type">;

/** One credential, or one runtime event on an AI identity: everything that happened to it, and how long it took. */
export interface Incident {
  readonly id: string;
  /** Absent = a credential. Of a runtime event `credential` names the event: its kind as `detector`, its key as `fingerprint`. */
  readonly kind?: RuntimeKind;
  readonly credential: { readonly fingerprint: string; readonly subject?: string; readonly detector: string; readonly title: string };
  readonly severity: Severity;
  /** The vendor saw somebody use it who is no declared consumer. */
  readonly unknownUse?: true;
  readonly state: "open" | "resolved";
  readonly resolution?: Resolution;
  readonly clock: Clock;
  /** `active` = the last clear answer of a probe was an acceptance. */
  readonly validity: Validity;
  readonly validityCode?: string;
  readonly preExisting: boolean;
  readonly repository?: string;
  /** Absent = a leaked credential. */
  readonly cause?: Cause;
  /** Strongest first. */
  readonly identities: readonly LinkedIdentity[];
  /** Owner of the strongest identity that has one. */
  readonly owner?: string;
  /** Of the strongest identity that has one; absent counts as production. */
  readonly environment?: string;
  readonly occurrences: readonly Sighting[];
  /** Absent = none is known. */
  readonly alerts?: readonly LinkedAlert[];
  readonly plan?: { readonly hash: string; readonly playbook: string };
  readonly approvals: readonly { readonly planHash: string; readonly by: string; readonly role: string; readonly at: string }[];
  readonly run?: Run;
  /** Somebody said that they revoked it; nobody proved it. */
  readonly statement?: { readonly by: string; readonly how: string; readonly at: string };
  readonly acceptance?: Acceptance;
  /** Somebody asked to accept the risk, and it waits for who may agree. */
  readonly asked?: Asked;
  /** Acceptances that ended, oldest first. */
  readonly lapsed?: readonly Lapsed[];
  readonly dismissal?: { readonly by: string; readonly reason: string; readonly at: string };
  readonly death?: {
    readonly proof: "probe" | "control-plane" | "both";
    readonly receipts: number;
    readonly whenFound: boolean;
    readonly at: string;
  };
  /** Of a runtime event: what its source reported. */
  readonly report?: RuntimeReport;
  /** Of a runtime event: the incident of the leaked credential that the call was made with. */
  readonly usedCredential?: { readonly incident: string; readonly method: string; readonly evidence: string };
  /** Who ended a runtime event, and why. */
  readonly settlement?: { readonly by: string; readonly reason: string; readonly contained: boolean; readonly at: string };
  readonly reopened: readonly { readonly why: string; readonly at: string }[];
  /** Who first did something about it; absent where nobody did, or nobody knows who. */
  readonly acknowledgedBy?: string;
  /** Number of the last event that this is folded from. */
  readonly seq: number;
}

/** What lists and metrics need of an incident: it stays small however often the credential was seen. */
export type IncidentFacts = Omit<Incident, "occurrences" | "approvals">;

/** In a list, with every repository that its credential was seen in: who may see one of them may see the incident. */
export type ListedIncident = IncidentFacts & { readonly repositories: readonly string[] };

/** Everything that is known about an incident follows from its events. Throws if they do not start with `opened` or leave a gap. */
export function fold(recorded: readonly Recorded<IncidentEvent>[]): Incident {
  const [first, ...rest] = recorded;
  if (first?.event.type !== "opened" || first.seq !== 1) throw new Error("the events of an incident start with 'opened' as number 1");
  const { event } = first;
  let incident: Incident = {
    id: first.stream,
    credential: event.credential,
    severity: event.severity,
    state: "open",
    // A committer's clock can be wrong: nothing is exposed later than it was seen.
    clock: { exposed: event.exposedAt < first.at ? event.exposedAt : first.at, detected: first.at },
    validity: "unknown",
    preExisting: event.preExisting,
    ...(event.repository === undefined ? {} : { repository: event.repository }),
    ...(event.cause === undefined ? {} : { cause: event.cause }),
    ...(event.kind === undefined ? {} : { kind: event.kind }),
    identities: [],
    occurrences: [],
    approvals: [],
    reopened: [],
    seq: 1,
  };
  if (event.report !== undefined) incident = reported(incident, event.report, event.exposedAt, first.at);
  for (const next of rest) {
    if (next.seq !== incident.seq + 1) throw new Error(`event ${incident.seq + 1} of ${incident.id} is missing`);
    const after = apply(incident, next.event, next.at);
    const first = incident.clock.acknowledged === undefined && after.clock.acknowledged !== undefined;
    const by = "by" in next.event ? next.event.by : undefined;
    incident = { ...after, ...(first && by !== undefined ? { acknowledgedBy: by } : {}), seq: next.seq };
  }
  return incident;
}

/** False for an event that would repeat what the incident shows: the same identity with the same facts, the same plan. */
export function isNews(incident: Incident, event: IncidentEvent): boolean {
  if (event.type === "alert-seen")
    return !sameAlert(
      incident.alerts?.find((known) => isOf(known, event)),
      event,
    );
  if (event.type === "unknown-use-seen") return incident.unknownUse !== true;
  if (event.type === "credential-linked") return incident.usedCredential?.incident !== event.incident;
  if (event.type === "planned") return incident.plan?.hash !== event.planHash;
  if (event.type !== "identity-linked") return true;
  const known = incident.identities.find(({ id }) => id === event.identity);
  return known === undefined || (["kind", "name", "owner", "grade", "environment"] as const).some((field) => known[field] !== event[field]);
}

function isOf(alert: LinkedAlert, other: LinkedAlert): boolean {
  return alert.repositoryId === other.repositoryId && alert.number === other.number;
}

function sameAlert(known: LinkedAlert | undefined, now: LinkedAlert): boolean {
  return (
    known !== undefined &&
    (["repository", "state", "resolution", "by", "publiclyLeaked", "validity"] as const).every((field) => known[field] === now[field])
  );
}

function apply(incident: Incident, event: IncidentEvent, at: string): Incident {
  switch (event.type) {
    case "opened":
      throw new Error(`incident ${incident.id} was opened twice`);
    case "reported": {
      const worse = compareSeverities(event.severity, incident.severity) < 0;
      return reported(worse ? { ...incident, severity: event.severity } : incident, event.report, event.occurredAt, at);
    }
    case "credential-linked": {
      const { incident: id, method, evidence } = event;
      return { ...incident, usedCredential: { incident: id, method, evidence } };
    }
    case "resolved": {
      const { by, reason, contained } = event;
      const settled = stamped({ ...incident, settlement: { by, reason, contained, at } }, "acknowledged", at);
      return resolved(contained ? stamped(settled, "contained", at) : settled, contained ? "contained" : "resolved", at);
    }
    case "occurrence-added": {
      const { type: _, ...sighting } = event;
      return { ...incident, occurrences: [...incident.occurrences, { ...sighting, at }] };
    }
    case "identity-linked":
      return linked(incident, event);
    case "validity-observed":
      return observed(incident, event.validity, event.code, at);
    case "unknown-use-seen":
      return { ...incident, severity: "critical", unknownUse: true };
    case "alert-seen": {
      const { type: _, ...alert } = event;
      return { ...incident, alerts: [...(incident.alerts ?? []).filter((known) => !isOf(known, alert)), alert] };
    }
    case "acknowledged":
      return stamped(incident, "acknowledged", at);
    case "planned":
      return { ...incident, plan: { hash: event.planHash, playbook: event.playbook } };
    case "approved": {
      const { planHash, by, role } = event;
      return stamped({ ...incident, approvals: [...incident.approvals, { planHash, by, role, at }] }, "acknowledged", at);
    }
    case "orphan-removed":
      return incident;
    case "break-glass":
      return stamped(incident, "acknowledged", at);
    case "run-started":
      return { ...incident, run: { id: event.run, planHash: event.planHash, state: "running" } };
    case "run-held":
      return withRun(incident, event.run, { state: "held", code: event.code, message: event.message });
    case "run-ended":
      return ended(incident, event.run, event.result);
    case "contained":
      return stamped(incident, "contained", at);
    case "replaced":
      return stamped(incident, "replaced", at);
    case "revoked":
      return stamped(incident, "revoked", at);
    case "revoked-by-statement":
      return resolved(stamped({ ...incident, statement: { by: event.by, how: event.how, at } }, "acknowledged", at), "revoked", at);
    case "dead": {
      const { proof, receipts, whenFound } = event;
      const dead: Incident = { ...incident, validity: "inactive", death: { proof, receipts, whenFound, at } };
      return resolved(stamped(dead, "dead", at), "revoked", at);
    }
    case "false-positive":
      return dismissed(incident, "false_positive", event, at);
    case "used-in-tests":
      return dismissed(incident, "used_in_tests", event, at);
    case "exception-asked": {
      const { by, reason, until, vouched } = event;
      return stamped({ ...incident, asked: { by, reason, until, vouched, at, agreed: [] } }, "acknowledged", at);
    }
    case "exception-agreed":
      return incident.asked === undefined
        ? incident
        : { ...incident, asked: { ...incident.asked, agreed: [...incident.asked.agreed, { by: event.by, at }] } };
    case "exception-declined":
      return withoutAsked(incident);
    case "accepted": {
      const { by, reason, until, approver } = event;
      const approvers = [...(incident.asked?.agreed.map((one) => one.by) ?? []), ...(approver === undefined ? [] : [approver])];
      const people = new Set([...(incident.asked?.vouched === false ? [] : [by]), ...approvers].map((one) => one.toLowerCase())).size;
      const acceptance: Acceptance = { by, reason, until, at, approvers, people };
      return resolved(stamped({ ...incident, acceptance }, "acknowledged", at), "wont_fix", at);
    }
    case "acceptance-expired":
      return reopened(incident, expired, at);
    case "exception-ended":
      return reopened(incident, `the exception was ended: ${event.reason}`, at);
    case "reopened":
      return reopened(incident, event.why, at);
    case "closed":
      return resolved(incident, event.resolution, at);
  }
}

/** A stamp tells when something first became true. */
function stamped(incident: Incident, stamp: Exclude<keyof Clock, "exposed" | "detected">, at: string): Incident {
  return incident.clock[stamp] === undefined ? { ...incident, clock: { ...incident.clock, [stamp]: at } } : incident;
}

function resolved(incident: Incident, resolution: Resolution, at: string): Incident {
  return stamped({ ...withoutAsked(incident), state: "resolved", resolution }, "closed", at);
}

function dismissed(incident: Incident, resolution: Resolution, { by, reason }: { by: string; reason: string }, at: string): Incident {
  return resolved(stamped({ ...incident, dismissal: { by, reason, at } }, "acknowledged", at), resolution, at);
}

function withoutAsked({ asked: _, ...incident }: Incident): Incident {
  return incident;
}

const expired = "the acceptance expired";

/** The old clock runs on: whoever reopens does not restart the time to remediate. */
function reopened(incident: Incident, why: string, at: string): Incident {
  const { resolution: _r, statement: _s, acceptance: _a, dismissal: _d, death: _x, settlement: _e, ...open } = incident;
  const { closed: _c, dead: _dead, ...clock } = incident.clock;
  const { acceptance } = incident;
  const lapsed =
    acceptance === undefined
      ? incident.lapsed
      : [...(incident.lapsed ?? []), { ...acceptance, endedAt: at, why: why === expired ? "expired" : why }];
  return {
    ...open,
    state: "open",
    clock,
    reopened: [...incident.reopened, { why, at }],
    ...(lapsed === undefined ? {} : { lapsed }),
  };
}

/** Events come in any order: the first time and the latest facts count by the source's clock. What a source stopped is contained. */
function reported(incident: Incident, facts: RuntimeFacts, occurredAt: string, at: string): Incident {
  const when = occurredAt < at ? occurredAt : at;
  const { report, clock } = incident;
  const latest = report === undefined || when >= report.lastAt;
  const { count: _c, lastAt: _l, ...known } = report ?? { count: 0, lastAt: "" };
  const stopped = facts.action === "blocked" || facts.action === "masked";
  const next: Incident = {
    ...incident,
    clock: when < clock.exposed ? { ...clock, exposed: when } : clock,
    report: { ...(latest ? facts : (known as RuntimeFacts)), count: (report?.count ?? 0) + 1, lastAt: latest ? when : report.lastAt },
  };
  if (stopped && (report === undefined || report.count === 0)) return stamped(next, "contained", at);
  if (stopped || next.clock.contained === undefined || incident.settlement !== undefined) return next;
  // one that went through is one too many
  const { contained: _x, ...open } = next.clock;
  return { ...next, clock: open };
}

/** A key that answers outweighs whoever said that it is gone, and an earlier proof. */
function observed(incident: Incident, validity: Validity, code: string, at: string): Incident {
  const seen: Incident = { ...incident, validity: validity === "unknown" ? incident.validity : validity, validityCode: code };
  if (validity !== "active" || seen.state !== "resolved") return seen;
  if (seen.resolution === "revoked") return reopened(seen, "the credential was accepted again", at);
  if (seen.resolution === "false_positive") return reopened(seen, "its vendor accepts it, so it is a credential", at);
  // one person may accept what is refused; what lives needs two
  if (seen.resolution === "wont_fix" && (seen.acceptance?.people ?? 2) < 2)
    return reopened(seen, "the credential is alive, and one person alone accepted its risk", at);
  return seen;
}

function linked(incident: Incident, event: Extract<IncidentEvent, { type: "identity-linked" }>): Incident {
  const id = event.identity;
  const identity: LinkedIdentity = {
    id,
    kind: event.kind,
    name: event.name,
    grade: event.grade,
    ...(event.owner === undefined ? {} : { owner: event.owner }),
    ...(event.environment === undefined ? {} : { environment: event.environment }),
    ...(event.method === undefined ? {} : { method: event.method }),
    ...(event.evidence === undefined ? {} : { evidence: event.evidence }),
  };
  const identities = [...incident.identities.filter((other) => other.id !== id), identity].toSorted((a, b) =>
    compareGrades(a.grade as Grade, b.grade as Grade),
  );
  const owner = identities.find((one) => one.owner !== undefined)?.owner;
  const environment = identities.find((one) => one.environment !== undefined)?.environment;
  return {
    ...incident,
    identities,
    ...(owner === undefined ? {} : { owner }),
    ...(environment === undefined ? {} : { environment }),
  };
}

function withRun(incident: Incident, id: string, change: Pick<Run, "state"> & Partial<Run>): Incident {
  const planHash = incident.run?.id === id ? incident.run.planHash : "";
  return { ...incident, run: { id, planHash, ...change } };
}

/** A run that was undone took back what it had done: the old key works again and the new one is gone. */
function ended(incident: Incident, id: string, result: "done" | "undone" | "held" | "failed"): Incident {
  const before = incident.run?.id === id && result === "held" ? incident.run : undefined;
  const after = withRun(incident, id, {
    state: result,
    ...(before?.code === undefined ? {} : { code: before.code }),
    ...(before?.message === undefined ? {} : { message: before.message }),
  });
  if (result !== "undone") return after;
  const { contained: _c, replaced: _r, ...clock } = after.clock;
  return { ...after, clock };
}
