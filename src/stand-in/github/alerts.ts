import type { Context, Hono } from "hono";
import { type Repository, type SecretAlert, type State, timestamp } from "./state.ts";
import { pageOf } from "./text.ts";

type Handler = (context: Context, repository: Repository, who: { readonly kind: "user" | "app" }) => Response | Promise<Response>;
type Route = (role: "read" | "write" | "admin", handler: Handler) => (context: Context) => Promise<Response>;

/** What GitHub's secret scanning found, as a test says it. */
export interface RaisedAlert {
  readonly secret: string;
  readonly type: string;
  readonly title?: string;
  readonly at?: { readonly path: string; readonly line: number; readonly commit: string; readonly blob: string };
  readonly validity?: "active" | "inactive" | "unknown";
}

/** GitHub's own secret scanning (docs.github.com, REST API, "secret scanning"): alerts, which only who may read them sees with their value. */
export function alertRoutes(
  api: Hono,
  options: { state: State; url: string; base: string; route: Route; user: (login: string) => object },
): void {
  const { state, base, route, url } = options;
  const off = (context: Context) => context.json({ message: "Secret scanning is disabled on this repository.", status: "404" }, 404);
  const one = (context: Context, repository: Repository) =>
    state.alerts.find((alert) => alert.repository === repository.id && alert.number === Number(context.req.param("number")));
  const shown = (alert: SecretAlert, repository: Repository) => ({
    ...alertJson(alert, repository, options),
    ...{ state: alert.state, secret: alert.secret, is_base64_encoded: false, has_more_locations: false },
    first_location_detected: alert.at === undefined ? null : placeJson(alert.at, `${url}/repos/${repository.owner}/${repository.name}`),
  });

  api.get(
    `${base}/secret-scanning/alerts`,
    route("admin", (context, repository) => {
      if (repository.secretScanning === false) return off(context);
      const wanted = context.req.query("state");
      const own = state.alerts.filter((alert) => alert.repository === repository.id && (wanted === undefined || alert.state === wanted));
      return context.json(pageOf(context, own.toReversed()).map((alert) => shown(alert, repository)));
    }),
  );
  api.get(
    `${base}/secret-scanning/alerts/:number`,
    route("admin", (context, repository) => {
      const alert = repository.secretScanning === false ? undefined : one(context, repository);
      return alert === undefined ? off(context) : context.json(shown(alert, repository));
    }),
  );
  api.patch(
    `${base}/secret-scanning/alerts/:number`,
    route("admin", async (context, repository, who) => {
      const alert = repository.secretScanning === false ? undefined : one(context, repository);
      if (alert === undefined) return off(context);
      const { state: to, resolution, resolution_comment: comment } = (await context.req.json()) as Record<string, string | undefined>;
      const resolutions = ["false_positive", "wont_fix", "revoked", "used_in_tests"];
      if ((to === "resolved") !== (resolution !== undefined) || (resolution !== undefined && !resolutions.includes(resolution)))
        return context.json({ message: "State does not match the resolution" }, 422);
      if ((comment?.length ?? 0) > 280) return context.json({ message: "resolution comment is invalid" }, 400);
      state.written.push(comment ?? "");
      setAlert(
        alert,
        to === "resolved" ? { resolution: resolution ?? "", by: who.kind === "app" ? "rekey[bot]" : "mara", comment } : undefined,
      );
      return context.json(shown(alert, repository));
    }),
  );
}

export function setAlert(alert: SecretAlert, closed: { resolution: string; by: string; comment?: string | undefined } | undefined): void {
  alert.state = closed === undefined ? "open" : "resolved";
  alert.resolution = closed?.resolution ?? null;
  alert.resolvedBy = closed?.by ?? null;
  alert.comment = closed?.comment ?? null;
  alert.updatedAt = timestamp();
}

/** As in a webhook: without the value and the state, which the action says. */
export function alertJson(alert: SecretAlert, repository: Repository, { url, user }: { url: string; user: (login: string) => object }) {
  const { number, type, title, validity, publiclyLeaked, createdAt, updatedAt } = alert;
  const place = `${url}/repos/${repository.owner}/${repository.name}`;
  return {
    number,
    created_at: createdAt,
    updated_at: updatedAt,
    url: `${place}/secret-scanning/alerts/${number}`,
    html_url: `${url}/${repository.owner}/${repository.name}/security/secret-scanning/${number}`,
    locations_url: `${place}/secret-scanning/alerts/${number}/locations`,
    resolution: alert.resolution,
    resolved_at: alert.state === "resolved" ? updatedAt : null,
    resolved_by: alert.resolvedBy === null ? null : user(alert.resolvedBy),
    resolution_comment: alert.comment,
    secret_type: type,
    secret_type_display_name: title,
    validity,
    publicly_leaked: publiclyLeaked,
    multi_repo: false,
    push_protection_bypassed: false,
    push_protection_bypassed_by: null,
    push_protection_bypassed_at: null,
  };
}

function placeJson({ path, line, blob, commit }: NonNullable<SecretAlert["at"]>, repository: string) {
  return {
    path,
    start_line: line,
    end_line: line,
    start_column: 1,
    end_column: 1,
    blob_sha: blob,
    blob_url: `${repository}/git/blobs/${blob}`,
    commit_sha: commit,
    commit_url: `${repository}/git/commits/${commit}`,
  };
}
