import { z } from "zod";
import { RefusedError } from "../errors.ts";
import { call, type RepositoryClient } from "./client.ts";

const Person = z.object({ login: z.string(), type: z.string() });
const Place = z.object({ path: z.string(), start_line: z.number(), end_line: z.number(), commit_sha: z.string(), blob_sha: z.string() });

/**
 * An alert of GitHub's own secret scanning (docs.github.com, REST API, "secret scanning"), as far as it is read. `secret` is the value:
 * it stays in memory.
 */
const Alert = z.object({
  number: z.number().int().positive(),
  created_at: z.string(),
  state: z.enum(["open", "resolved"]),
  resolution: z.string().nullish(),
  resolved_by: Person.nullish(),
  secret_type: z.string(),
  secret_type_display_name: z.string().nullish(),
  secret: z.string().min(1),
  validity: z.enum(["active", "inactive", "unknown"]).nullish().catch(undefined),
  publicly_leaked: z.boolean().nullish(),
  /** A commit, or one of a dozen other kinds of places; absent on older servers. */
  first_location_detected: z.unknown(),
});
export type Alert = z.output<typeof Alert>;

/** Where in the code an alert was raised first; undefined where that is no commit, or is not said. */
export function placeOf(alert: Alert): { path: string; startLine: number; endLine: number; commit: string; blob: string } | undefined {
  const read = Place.safeParse(alert.first_location_detected);
  if (!read.success || ![read.data.commit_sha, read.data.blob_sha].every((id) => /^[0-9a-f]{40}([0-9a-f]{24})?$/.test(id)))
    return undefined;
  const { path, start_line: startLine, end_line: endLine, commit_sha: commit, blob_sha: blob } = read.data;
  return { path, startLine, endLine, commit, blob };
}

/** Why the alerts of a repository cannot be had. */
export type AlertsOff = "needs secret_scanning_alerts: read" | "needs secret scanning, which is off or not licensed here";
const unreadable: AlertsOff = "needs secret_scanning_alerts: read";
const absent: AlertsOff = "needs secret scanning, which is off or not licensed here";

/** One alert as it is now; a string says why there is none. */
export async function readAlert(repository: RepositoryClient, number: number): Promise<Alert | AlertsOff> {
  const read = await orRefused(() =>
    call(repository, "GET /repos/{owner}/{repo}/secret-scanning/alerts/{alert_number}", { alert_number: number }),
  );
  if (read === undefined) return absent;
  return read === unreadable ? unreadable : Alert.parse(read);
}

/** All open alerts, page by page. */
export async function* openAlerts(repository: RepositoryClient): AsyncGenerator<Alert | AlertsOff> {
  for (let page = 1; page <= 100; page++) {
    const read = await orRefused(() =>
      call(repository, "GET /repos/{owner}/{repo}/secret-scanning/alerts", { state: "open", per_page: 100, page }),
    );
    if (read === undefined || read === unreadable) {
      yield read === undefined ? absent : unreadable;
      return;
    }
    const listed = z.array(z.unknown()).parse(read);
    // one of a shape that is not known is no reason to lose the others
    for (const one of listed) {
      const alert = Alert.safeParse(one);
      if (alert.success) yield alert.data;
    }
    if (listed.length < 100) return;
  }
}

/** GitHub takes a comment of at most 280 characters. Throws RefusedError where the App may only read. */
export async function setAlert(
  repository: RepositoryClient,
  number: number,
  to: { state: "resolved"; resolution: "revoked"; comment: string } | { state: "open" },
): Promise<void> {
  const change =
    to.state === "open"
      ? { state: "open" }
      : { state: "resolved", resolution: to.resolution, resolution_comment: to.comment.slice(0, 280) };
  await call(repository, "PATCH /repos/{owner}/{repo}/secret-scanning/alerts/{alert_number}", { alert_number: number, ...change });
}

async function orRefused(read: () => Promise<unknown>): Promise<unknown> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof RefusedError) return unreadable;
    throw error;
  }
}
