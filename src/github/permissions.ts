export type Level = "read" | "write";

/** One permission of one of our two Apps: what `rekey permissions`, `rekey doctor` and the registration say of it. */
export interface Permission {
  readonly app: "Rekey" | "Rekey Rotator";
  /** GitHub's name (docs.github.com, "Permissions required for GitHub Apps"). */
  readonly name: string;
  readonly level: Level;
  /** From which stage on it is used; `optional` = only for the feature named, and everything else works without it. */
  readonly tier: "observe" | "check" | "comment" | "rotate" | "optional";
  readonly why: string;
  readonly reads: string;
  readonly stores: string;
  /** What is off without it. */
  readonly without: string;
}

const nothing = "nothing";

/** Every permission that any feature uses. `app.yml` asks for those of the App Rekey that are not optional. */
export const permissions: readonly Permission[] = [
  {
    app: "Rekey",
    name: "metadata",
    level: "read",
    tier: "observe",
    why: "who may do what: the role of an account in a repository, asked when a command is carried out",
    reads: "the repository's name, visibility, size, topics and custom properties; the role of who gives a command",
    stores: "name, visibility, default branch, size, topics, custom properties",
    without: "nothing works",
  },
  {
    app: "Rekey",
    name: "contents",
    level: "read",
    tier: "observe",
    why: "git fetch of what a push or pull request changes, and of the history once; CODEOWNERS and .rekey/ of the default branch",
    reads: "commits, trees and files, in a temporary folder that is deleted after each scan",
    stores:
      "where a credential stands (path, line, commit, blob), its keyed fingerprint, and the names of AI identities; no file, no line, no value",
    without: "nothing can be scanned",
  },
  {
    app: "Rekey",
    name: "members",
    level: "read",
    tier: "comment",
    why: "who is in a team that owns an identity or is the security team, asked when somebody approves",
    reads: "members of the teams that owners and security_team name",
    stores: nothing,
    without: "teams as owners and security team count as nobody",
  },
  {
    app: "Rekey",
    name: "merge_queues",
    level: "read",
    tier: "check",
    why: "the event of a merge queue's head, which waits for a check of its own",
    reads: "head and base of the group, from the event",
    stores: "the same, for 30 days",
    without: "the merge queue waits for ever",
  },
  {
    app: "Rekey",
    name: "checks",
    level: "write",
    tier: "check",
    why: "the one check run per head, with its buttons",
    reads: "Rekey's own check of a commit, to find it again after a lost answer",
    stores: "its id, conclusion and a hash of what it says",
    without: "no check is written",
  },
  {
    app: "Rekey",
    name: "pull_requests",
    level: "write",
    tier: "observe",
    why: "head and base of a pull request; from the stage comment on, one review with inline notes",
    reads: "number, state, head, base and author of pull requests",
    stores: "the same, and the id of the review",
    without: "no pull request is judged, and no inline notes",
  },
  {
    app: "Rekey",
    name: "issues",
    level: "write",
    tier: "comment",
    why: "the one comment of a pull request and the reaction to a command (pull-request comments are issue comments), comments that hold a credential, and the weekly report where that is switched on",
    reads: "comments of issues and pull requests as they are written or changed",
    stores: "the id of Rekey's own comments and issues, the commands that were given, and where a credential stands; no text",
    without: "no comments, commands and reports, and comments are not read",
  },
  {
    app: "Rekey",
    name: "secret_scanning_alerts",
    level: "write",
    tier: "optional",
    why: "GitHub's own alerts: each becomes a place of its incident, and is closed as revoked once the credential is dead (read: never closed)",
    reads: "open alerts with their value, which stays in memory",
    stores: "number, state, resolution and who closed it; the value's keyed fingerprint",
    without: "GitHub's own alerts are not followed",
  },
  {
    app: "Rekey Rotator",
    name: "metadata",
    level: "read",
    tier: "rotate",
    why: "every App has it",
    reads: nothing,
    stores: nothing,
    without: "nothing works",
  },
  {
    app: "Rekey Rotator",
    name: "secrets",
    level: "write",
    tier: "rotate",
    why: "writes the new value of a credential into an Actions secret of a repository, sealed for GitHub",
    reads: "names and times of secrets; GitHub gives no value back",
    stores: "name and time of the last change",
    without: "Actions secrets are written by hand",
  },
  ...(
    [
      ["dependabot_secrets", "Dependabot secrets of a repository"],
      ["codespaces_secrets", "Codespaces secrets of a repository"],
      ["environments", "secrets of an environment"],
      ["organization_secrets", "Actions secrets of an organisation"],
      ["organization_dependabot_secrets", "Dependabot secrets of an organisation"],
    ] as const
  ).map(
    ([name, what]): Permission => ({
      app: "Rekey Rotator",
      name,
      level: "write",
      tier: "optional",
      why: `the same for ${what}, where \`stored_in\` declares one`,
      reads: "names and times of secrets",
      stores: "name and time of the last change",
      without: `${what} are written by hand`,
    }),
  ),
];

/** Which events come with an optional permission. */
export const optionalEvents: Readonly<Record<string, readonly string[]>> = { secret_scanning_alerts: ["secret_scanning_alert"] };

export function permissionNamed(name: string): Permission | undefined {
  return permissions.find((one) => one.app === "Rekey" && one.name === name);
}
