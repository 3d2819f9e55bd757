/**
 * What a job's token may do, beside reading metadata, in its one repository. The job that reads code cannot write, and the one that
 * writes comments cannot read code.
 */
export const jobs = {
  code: { contents: "read" },
  read: { contents: "read", pull_requests: "read", issues: "read", members: "read" },
  converse: { checks: "write", pull_requests: "write", issues: "write", members: "read" },
  alerts: { secret_scanning_alerts: "write" },
} as const satisfies Readonly<Record<string, Permissions>>;

export type Job = keyof typeof jobs;
type Permissions = Readonly<Record<string, "read" | "write">>;

/** A token that asks for more than the installation has is refused as a whole: what is missing is left out, and its feature is off. */
export function permissionsFor(job: Job, granted: Readonly<Record<string, string>>): Permissions {
  const had = Object.entries(jobs[job]).flatMap(([name, level]): [string, "read" | "write"][] => {
    const has = granted[name];
    return has === undefined ? [] : [[name, has === "read" ? "read" : level]];
  });
  return { metadata: "read", ...Object.fromEntries(had) };
}
