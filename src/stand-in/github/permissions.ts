import type { State } from "./state.ts";

type Level = "read" | "write";
type Needs = Readonly<Record<string, Level>>;

/**
 * What an installation token needs for a route, by docs.github.com, "Permissions required for GitHub Apps": any one of what is listed.
 * A route that is not here is refused, so that nobody uses one that was not looked up.
 */
const table: readonly (readonly [method: string, path: RegExp, needs: Needs])[] = [
  ["GET", /^$/, { metadata: "read" }],
  ["GET", /^\/collaborators\/[^/]+\/permission$/, { metadata: "read" }],
  ["GET", /^\/branches\/.+$/, { contents: "read" }],
  ["GET", /^\/compare\/.+$/, { contents: "read" }],
  ["GET", /^\/commits$/, { contents: "read" }],
  ["GET", /^\/git\/matching-refs\/.+$/, { contents: "read" }],
  ["GET", /^\/commits\/[^/]+\/check-runs$/, { checks: "read" }],
  ["POST", /^\/check-runs$/, { checks: "write" }],
  ["PATCH", /^\/check-runs\/\d+$/, { checks: "write" }],
  ["GET", /^\/pulls(\/|$)/, { pull_requests: "read" }],
  ["POST", /^\/pulls(\/|$)/, { pull_requests: "write" }],
  ["GET", /^\/issues(\/|$)/, { issues: "read", pull_requests: "read" }],
  ["POST", /^\/issues$/, { issues: "write" }],
  ["PATCH", /^\/issues\/\d+$/, { issues: "write", pull_requests: "write" }],
  ["POST", /^\/issues\/\d+\/comments$/, { issues: "write", pull_requests: "write" }],
  ["PATCH", /^\/issues\/comments\/\d+$/, { issues: "write", pull_requests: "write" }],
  ["DELETE", /^\/issues\/comments\/\d+$/, { issues: "write", pull_requests: "write" }],
  ["POST", /^\/issues\/comments\/\d+\/reactions$/, { issues: "write", pull_requests: "write" }],
  ["GET", /^\/secret-scanning\/alerts(\/|$)/, { secret_scanning_alerts: "read" }],
  ["PATCH", /^\/secret-scanning\/alerts\/\d+$/, { secret_scanning_alerts: "write" }],
];

/** Why an installation token may not do this: the status that GitHub answers. Undefined for other callers, and where it may. */
export function lacking(state: State, token: string, { method, path }: { method: string; path: string }): 403 | 404 | undefined {
  const grant = state.installationTokens.get(token);
  if (grant === undefined) return undefined;
  const [, owner = "", name = "", rest = ""] = /^\/repos\/([^/]+)\/([^/]+)(\/.*)?$/.exec(path) ?? [];
  if (owner === "") {
    const members = /^\/orgs\/[^/]+\/teams\/[^/]+\/members$/.test(path);
    return members && !holds(grant.permissions, { members: "read" }) ? 403 : undefined;
  }
  const repository = state.repository(owner, name);
  if (repository !== undefined && grant.repositories !== undefined && !grant.repositories.includes(repository.id)) return 404;
  const needs = table.find(([of, pattern]) => of === method && pattern.test(rest))?.[2];
  return needs !== undefined && holds(grant.permissions, needs) ? undefined : 403;
}

/** Whether git may read the code with this token. */
export function mayFetch(state: State, token: string, repository: number): boolean {
  const grant = state.installationTokens.get(token);
  if (grant === undefined) return true;
  return (grant.repositories?.includes(repository) ?? true) && holds(grant.permissions, { contents: "read" });
}

/** What a token is made for; undefined where the installation does not have it. */
export function narrowed(
  has: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> | undefined {
  if (wanted === undefined) return has;
  const all = Object.entries(wanted).every(([name, level]) => (level === "read" || level === "write") && holds(has, { [name]: level }));
  // every token may read metadata
  return all ? { metadata: "read", ...wanted } : undefined;
}

function holds(has: Readonly<Record<string, string>>, needs: Needs): boolean {
  return Object.entries(needs).some(([name, level]) => has[name] === "write" || has[name] === level);
}
