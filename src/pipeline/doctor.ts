import { z } from "zod";
import type { ServerConfig } from "../config/server.ts";
import { RetryError } from "../errors.ts";
import type { GitHubClient } from "../github/client.ts";
import type { AppManifest } from "../github/manifest.ts";
import { optionalEvents, permissionNamed, permissions } from "../github/permissions.ts";

/** One thing that was looked at. `hint` says what to do next. */
export interface Check {
  readonly what: string;
  readonly state: "ok" | "warning" | "failed";
  readonly says: string;
  readonly hint?: string;
}

const App = z.object({ slug: z.string(), permissions: z.record(z.string(), z.string()), events: z.array(z.string()) });
const Hook = z.object({ url: z.string().optional() });
const Installations = z.array(z.object({ id: z.number(), account: z.object({ login: z.string() }), suspended_at: z.string().nullish() }));
const Deliveries = z.array(z.object({ status_code: z.number(), delivered_at: z.string() }));

/** What GitHub says of the App, against what this version needs. */
export async function checkApp(client: GitHubClient, manifest: AppManifest, config: ServerConfig): Promise<Check[]> {
  let answer: { data: unknown; headers?: Readonly<Record<string, unknown>> };
  try {
    answer = await client.request("GET /app", {});
  } catch (error) {
    const status = statusOf(error);
    return [
      status === 401
        ? failed(
            "App",
            "GitHub refuses the App's key",
            "is github.app_id the App's, and private_key its newest? A clock that is a minute off gives the same answer",
          )
        : failed(
            "App",
            error instanceof RetryError ? error.message : `GitHub answered ${status ?? "nothing"}`,
            "can this machine reach github.api?",
          ),
    ];
  }
  const app = App.safeParse(answer.data);
  if (!app.success) return [failed("App", "the answer is not one of GitHub's", "is github.api the address of GitHub's API?")];
  return [
    ok("App", app.data.slug),
    clock(answer.headers?.["date"]),
    ...granted(app.data, manifest),
    ...(await installations(client)),
    ...(await webhooks(client, config)),
  ];
}

/** JWTs are good for ten minutes, a minute of which GitHub allows clocks to differ. */
function clock(date: unknown): Check {
  const off = typeof date === "string" ? Math.abs(Date.now() - Date.parse(date)) : Number.NaN;
  if (Number.isNaN(off)) return warning("clock", "GitHub did not say the time", "look at it yourself: timedatectl");
  return off < 30_000
    ? ok("clock", "agrees with GitHub's")
    : failed("clock", `${Math.round(off / 1000)} s off`, "set it by NTP: GitHub refuses keys from the future");
}

/** A permission that is missing turns a feature off, which is said by name. */
function granted(app: z.output<typeof App>, { default_permissions, default_events }: AppManifest): Check[] {
  const short = Object.entries(default_permissions).filter(([name, level]) => !enough(app.permissions[name], level));
  const missing = default_events.filter((event) => !app.events.includes(event));
  return [
    ...short.map(([name, level]) =>
      failed(
        "permission",
        `needs ${name}: ${level}`,
        `without it ${permissionNamed(name)?.without ?? "a part is off"}; grant it in the App's settings, then accept it in each installation`,
      ),
    ),
    ...(short.length === 0 ? [ok("permissions", "as app.yml asks")] : []),
    ...(missing.length === 0
      ? [ok("events", "as app.yml asks")]
      : [failed("events", `not subscribed: ${missing.join(", ")}`, "subscribe to them in the App's settings")]),
    ...optional(app),
    ...Object.entries(app.permissions)
      .filter(([name, level]) => !isUsed(name, level, default_permissions[name]))
      .map(([name, level]) => warning("permission", `has ${name}: ${level}, which nothing uses`, "take it away in the App's settings")),
  ];
}

/** Nothing has failed without them: a feature is off. */
function optional(app: z.output<typeof App>): Check[] {
  return permissions
    .filter(({ app: of, tier }) => of === "Rekey" && tier === "optional")
    .map(({ name, level, without }) => {
      const missing = (optionalEvents[name] ?? []).filter((event) => !app.events.includes(event));
      const has = app.permissions[name];
      if (has === undefined) return { ...ok("optional", `${without}: that needs ${name}: ${level}`) };
      if (missing.length > 0)
        return warning("optional", `${name}: ${has}, but not subscribed: ${missing.join(", ")}`, "subscribe in the App's settings");
      return ok("optional", enough(has, level) ? `${name}: ${has}` : `${name}: ${has} reads; to write needs ${name}: ${level}`);
    });
}

function isUsed(name: string, level: string, asked: string | undefined): boolean {
  const most = asked ?? permissionNamed(name)?.level;
  return most !== undefined && (most === "write" || level === "read");
}

function enough(has: string | undefined, needed: string): boolean {
  return has === "write" || has === "admin" || has === needed;
}

async function installations(client: GitHubClient): Promise<Check[]> {
  const listed = Installations.safeParse((await client.request("GET /app/installations", { per_page: 100 })).data);
  if (!listed.success) return [failed("installations", "GitHub did not list them", "try again")];
  if (listed.data.length === 0) return [warning("installations", "none", "install the App on an organisation")];
  return listed.data.map(({ account, suspended_at }) =>
    suspended_at == null
      ? ok("installation", account.login)
      : warning("installation", `${account.login} is suspended`, "its owner unsuspends it"),
  );
}

async function webhooks(client: GitHubClient, { login }: ServerConfig): Promise<Check[]> {
  const hook = Hook.safeParse((await client.request("GET /app/hook/config", {})).data);
  const url = hook.data?.url;
  const address =
    url === undefined
      ? failed("webhook", "no address", "set it in the App's settings: https://<your host>/api/github/webhooks")
      : place(url, login?.url);
  const delivered = Deliveries.safeParse((await client.request("GET /app/hook/deliveries", { per_page: 30 })).data);
  if (!delivered.success) return [address];
  const bad = delivered.data.filter(({ status_code }) => status_code < 200 || status_code > 299).length;
  const deliveries =
    delivered.data.length === 0
      ? warning("deliveries", "none yet", "push something, or open a pull request")
      : bad === 0
        ? ok("deliveries", `the last ${delivered.data.length} arrived`)
        : warning(
            "deliveries",
            `${bad} of the last ${delivered.data.length} did not arrive`,
            "the server asks for them again every five minutes; is its address reachable from GitHub?",
          );
  return [address, deliveries];
}

function place(url: string, login: string | undefined): Check {
  if (!url.endsWith("/api/github/webhooks")) return failed("webhook", url, "it must end in /api/github/webhooks");
  if (login !== undefined && new URL(url).origin !== new URL(login).origin)
    return warning("webhook", `${url} is another host than login.url`, "is that meant?");
  return ok("webhook", url);
}

function statusOf(error: unknown): number | undefined {
  return typeof error === "object" && error !== null && "status" in error && typeof error.status === "number" ? error.status : undefined;
}

export const ok = (what: string, says: string): Check => ({ what, state: "ok", says });
export const warning = (what: string, says: string, hint: string): Check => ({ what, state: "warning", says, hint });
export const failed = (what: string, says: string, hint: string): Check => ({ what, state: "failed", says, hint });
