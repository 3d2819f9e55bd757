import { isProduction } from "./sla.ts";

/** What a plan may do at worst. Order: from harmless to final. */
export type Risk = "reversible-disable" | "graceful" | "irreversible";

export interface ApprovalQuestion {
  readonly risk: Risk;
  /** Absent counts as production. */
  readonly environment?: string | undefined;
  /** Who asked for the run. */
  readonly requester: string;
  /** The requester can write to a repository whose default branch uses the identity, or owns it. */
  readonly requesterHasWrite: boolean;
  /** Pusher, pull-request author and the accounts of the commits' authors. */
  readonly leakers: readonly string[];
  /** Logins of the identity's owner, teams resolved; from the default branch, stores and vendors, never from the head. */
  readonly owners: readonly string[];
  readonly securityTeam: readonly string[];
  /** Who has approved exactly this plan hash, within `approvalLifetime`. `role` is `break-glass` where it was given as such. */
  readonly approvals: readonly { readonly by: string; readonly at: string; readonly role?: string }[];
  /** The policy itself may approve (policy.automatic), which it does outside production only. */
  readonly automatic?: boolean;
}

export type ApprovalAnswer =
  | { readonly state: "granted"; readonly by: readonly string[] }
  | { readonly state: "refused"; readonly sentence: string }
  /** One of `from` must approve. */
  | { readonly state: "needed"; readonly from: readonly string[]; readonly sentence: string }
  /** Too few people for a second one: the same person confirms, and it starts `afterMs` later. */
  | { readonly state: "waiting-time"; readonly from: readonly string[]; readonly afterMs: number; readonly sentence: string };

/** How long a run waits that no second person could approve, from the confirmation. Milliseconds. */
export const waitingTime = 4 * 3_600_000;

/** How long an approval is good for, milliseconds. */
export const approvalLifetime = 24 * 3_600_000;

/** The two yeses of a break-glass lie within this time of each other and of now, milliseconds. */
export const breakGlassWindow = 3_600_000;

/** The name under which the policy approves. */
export const policyApprover = "the policy";

/** The name under which the operator of the server approves. No account of GitHub has a blank in its name. */
export const operatorApprover = "the operator";

/**
 * Two people who may approve at all and did not leak the credential, within an hour: that starts a rotation whatever is paused, capped or
 * not rehearsed. Nothing less does.
 */
export function judgeBreakGlass(question: ApprovalQuestion, now: string): ApprovalAnswer {
  const leakers = new Set(unique(question.leakers));
  const eligible = unique([...question.owners, ...question.securityTeam]).filter((person) => !leakers.has(person));
  const since = Date.parse(now) - breakGlassWindow;
  const given = unique(
    question.approvals.flatMap(({ by, at, role }) => (role === "break-glass" && Date.parse(at) >= since ? [by] : [])),
  ).filter((person) => eligible.includes(person));
  if (given.length >= 2) return { state: "granted", by: given };
  const rest = eligible.filter((person) => !given.includes(person));
  if (rest.length + given.length < 2) {
    return {
      state: "refused",
      sentence: "Break-glass needs two people who may approve and did not leak the credential, and there are not two.",
    };
  }
  return {
    state: "needed",
    from: rest,
    sentence: `Break-glass needs two people within an hour; ${given.length === 0 ? "nobody has" : `${list(given)} has`} said so yet. May: ${list(rest)}.`,
  };
}

/**
 * Approvals by risk, contracts.md §8. `now` is ISO 8601 UTC and matters to the waiting time only.
 * Logins compare without case, with or without `@`.
 */
export function judgeApprovals(question: ApprovalQuestion, now: string): ApprovalAnswer {
  const owners = unique(question.owners);
  const leakers = new Set(unique(question.leakers));
  const requester = login(question.requester);

  if (question.risk === "reversible-disable") {
    if (question.requesterHasWrite || owners.includes(requester)) return { state: "granted", by: [requester] };
    return {
      state: "refused",
      sentence: "A reversible disable may be asked for by the owner or by anybody with write on a repository that uses the identity.",
    };
  }

  const approvals = question.approvals.map(({ by, at }) => ({ by: login(by), at }));
  if (question.risk === "graceful" && !isProduction(question.environment)) {
    const standing = [operatorApprover, ...(question.automatic === true ? [policyApprover] : [])];
    const yes = approvals.find(({ by }) => standing.includes(by));
    if (yes !== undefined) return { state: "granted", by: [yes.by] };
    return oneOf(owners.length > 0 ? owners : unique(question.securityTeam), approvals, "the owner of the identity");
  }

  const everybody = unique([...question.owners, ...question.securityTeam]);
  const eligible = everybody.filter((person) => !leakers.has(person));
  const second = eligible.filter((person) => person !== requester);
  const given = approvals.find(({ by }) => second.includes(by));
  if (given !== undefined) return { state: "granted", by: [given.by] };
  if (eligible.length >= 2 || (second.length > 0 && !eligible.includes(requester))) {
    return {
      state: "needed",
      from: second,
      sentence: `An irreversible step in production needs a second person who did not leak the credential: ${list(second)}.`,
    };
  }
  return alone(eligible, approvals, now);
}

function oneOf(people: readonly string[], approvals: readonly { by: string }[], who: string): ApprovalAnswer {
  const given = approvals.find(({ by }) => people.includes(by));
  if (given !== undefined) return { state: "granted", by: [given.by] };
  if (people.length === 0) {
    return {
      state: "refused",
      sentence: "Nobody may approve: the identity has no owner and no security team is configured (security_team in rekey.yml).",
    };
  }
  return { state: "needed", from: people, sentence: `This needs a yes of ${who}: ${list(people)}.` };
}

function alone(eligible: readonly string[], approvals: readonly { by: string; at: string }[], now: string): ApprovalAnswer {
  const [person] = eligible;
  if (person === undefined) {
    return {
      state: "refused",
      sentence: "Nobody but the people who leaked the credential may approve; name a security team (security_team in rekey.yml).",
    };
  }
  const confirmed = approvals.find(({ by }) => by === person);
  if (confirmed === undefined) {
    return {
      state: "needed",
      from: [person],
      sentence: `There is no second person who may approve; after ${list([person])} confirms, it waits ${waitingTime / 3_600_000} hours.`,
    };
  }
  const rest = Date.parse(confirmed.at) + waitingTime - Date.parse(now);
  if (rest <= 0) return { state: "granted", by: [person] };
  return {
    state: "waiting-time",
    from: [person],
    afterMs: rest,
    sentence: `${list([person])} confirmed alone; it starts ${new Date(Date.parse(confirmed.at) + waitingTime).toISOString()} unless somebody cancels.`,
  };
}

function unique(people: readonly string[]): string[] {
  return [...new Set(people.map(login))];
}

function login(person: string): string {
  return person.replace(/^@/, "").toLowerCase();
}

function list(people: readonly string[]): string {
  return people.map((person) => `@${person}`).join(", ");
}
