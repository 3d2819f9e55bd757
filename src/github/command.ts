/** What a person may say on a pull request (contracts.md §6). The help text is made from this table. */
export const verbs = {
  plan: "show what a rotation would do",
  rotate: "rotate by the plan shown (by somebody who may approve: also the approval)",
  approve: "approve a plan by its hash",
  contain: "disable the credential, reversibly (cancel enables it again)",
  acknowledge: "say that you look into it",
  resolve: 'end a runtime event with a "reason"',
  "break-glass": 'in an emergency: two people with a "reason" rotate past pause and caps',
  confirm: 'say that a "consumer" declared with report: confirm uses the new credential',
  cancel: "stop a rotation before anything was destroyed",
  verify: "look again whether the credential is dead",
  revoked: 'say "how" you revoked it, where no safe probe exists',
  status: "write the state again",
  "false-positive": 'say "why" this is not a credential',
  keep: 'in an access review: keep an access (RI-…) with a "reason"',
  deny: 'in an access review: end an access (RI-…) with a "reason"',
  redact: "post a leaked comment again without the value, and delete it",
  accept: 'ask to accept the risk with a "reason" --until YYYY-MM-DD; with the hash of what was asked: agree to it',
  decline: 'with a "reason": say no to an accepted risk that was asked for, or end one',
  rescan: "scan the pull request again",
  help: "show this list",
} as const;

export type Verb = keyof typeof verbs;

export interface Command {
  readonly verb: Verb;
  readonly incident?: string;
  /** `RI-…` of an access review. */
  readonly item?: string;
  /** The plan hash of `approve`, the one repeated with `rotate`, or the snapshot's of a review. */
  readonly hash?: string;
  /** The quoted text. */
  readonly text?: string;
  readonly until?: string;
}

export type Parsed = { readonly command: Command } | { readonly unknown: string; readonly closest: Verb } | undefined;

/** The command in the first line of a comment; undefined where there is none. Quotes and code are not commands. */
export function parseCommand(body: string): Parsed {
  const line = body.trimStart() === body ? (body.split(/\r?\n/, 1)[0] ?? "") : "";
  const words = /^\/rekey[ \t]+(\S+)(.*)$/.exec(line.slice(0, 1000));
  if (words === null) return undefined;
  const [, given = "", rest = ""] = words;
  const name = given.toLowerCase() === "fp" ? "false-positive" : given.toLowerCase();
  const verb = (Object.keys(verbs) as Verb[]).find((known) => known === name);
  if (verb === undefined) return { unknown: given.slice(0, 40), closest: closest(name) };
  const incident = /(?:^|\s)(RK-[0-9A-HJKMNP-TV-Z]{4,8})(?:\s|$)/i.exec(rest)?.[1]?.toUpperCase();
  const item = /(?:^|\s)(RI-[0-9A-HJKMNP-TV-Z]{4,8})(?:\s|$)/i.exec(rest)?.[1]?.toUpperCase();
  const hash = /(?:^|\s)([0-9a-f]{12,64})(?:\s|$)/.exec(rest)?.[1];
  const text = /["“]([^"”]{1,500})["”]/.exec(rest)?.[1]?.trim();
  const until = /--until[ =](\d{4}-\d{2}-\d{2})/.exec(rest)?.[1];
  return {
    command: {
      verb,
      ...(incident === undefined ? {} : { incident }),
      ...(item === undefined ? {} : { item }),
      ...(hash === undefined ? {} : { hash }),
      ...(text === undefined || text === "" ? {} : { text }),
      ...(until === undefined ? {} : { until }),
    },
  };
}

function closest(name: string): Verb {
  const score = (verb: string) =>
    [...verb].filter((letter, index) => name[index] === letter).length - Math.abs(verb.length - name.length) / 2;
  return (Object.keys(verbs) as Verb[]).toSorted((a, b) => score(b) - score(a))[0] ?? "help";
}
