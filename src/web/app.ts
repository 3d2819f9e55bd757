import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { etag } from "hono/etag";
import { describeError, type Log, silentLog } from "../log.ts";
import { type Act, actRoutes } from "./act.ts";
import { apiRoutes } from "./api.ts";
import type { BackfillView } from "./backfill.ts";
import { type ConsumerGate, consumerRoutes } from "./consumers.ts";
import type { Estate } from "./estate.ts";
import { type AskException, exceptionRoutes } from "./exception-routes.ts";
import type { Decide, DecisionGate, GovernanceReaders } from "./governance-readers.ts";
import { decisionRoutes, governanceRoutes } from "./governance-routes.ts";
import { onlyHosts, securityHeaders } from "./headers.ts";
import { messagePage } from "./layout.ts";
import type { IdentityProvider } from "./login/person.ts";
import { loginRoutes } from "./login/routes.ts";
import type { Sessions } from "./login/session.ts";
import { metricsRoutes, type ServerNumbers } from "./metrics.ts";
import { overviewRoutes, tilesOf } from "./overview-routes.ts";
import { pageRoutes } from "./pages.ts";
import type { Catalogue } from "./playbooks.ts";
import { rateLimit } from "./rate.ts";
import type { Readers } from "./readers.ts";
import type { RolloutView } from "./rollout.ts";
import type { RuntimeGate } from "./runtime/gate.ts";
import { runtimeRoutes } from "./runtime/routes.ts";
import { type SettingsPart, settingsRoutes } from "./settings.ts";
import { type Silencing, silenceRoutes } from "./silence.ts";
import { everything, setViewer, viewerOf } from "./viewer.ts";

export interface WebOptions {
  readonly readers: Readers;
  readonly catalogue?: Catalogue;
  /** Who may report versions, and where the reports go; without it the route does not exist. */
  readonly consumers?: ConsumerGate;
  /** Access reviews and what else is governed; without it those pages do not exist. */
  readonly governance?: GovernanceReaders;
  /** What is governed as a whole; needs `governance`. */
  readonly estate?: Estate;
  /** Silence of credential types for the whole organisation; absent: a type has no page of its own. */
  readonly silencing?: Silencing;
  /** What is configured; absent: the page does not exist. */
  readonly settings?: () => Promise<readonly SettingsPart[]>;
  /** Carries out what people decide in access reviews on the dashboard; needs `login`. */
  readonly decide?: Decide;
  /** Who may bring decisions of another system, and where they go. */
  readonly decisions?: DecisionGate;
  /** Says who looks, before every page and API route that shows incidents. Absent: whoever reaches this server sees everything. */
  readonly guard?: MiddlewareHandler;
  /** What agents do, as it happens; absent: the addresses do not exist. */
  readonly runtime?: RuntimeGate;
  /** Takes exceptions that programs ask for. */
  readonly exceptions?: AskException;
  /** How near in time two incidents of one identity are one chain, milliseconds; 7 days where it is not given. */
  readonly chainWindow?: number;
  /** Numbers of the server itself, for `/metrics`. */
  readonly numbers?: ServerNumbers;
  /** Log-in of people; then `guard` lets in programs, and who is neither is sent there. */
  readonly login?: { readonly providers: readonly IdentityProvider[]; readonly sessions: Sessions; readonly url: URL; readonly act: Act };
  /** How far Rekey goes in each repository; absent: this server has no GitHub App. */
  readonly rollout?: () => Promise<RolloutView>;
  /** How far the history of each repository is looked through; absent: this server has no GitHub App. */
  readonly backfill?: () => Promise<BackfillView>;
  /** Host names that requests may name, without port: against DNS rebinding. Absent = any. */
  readonly hosts?: readonly string[];
  /** ISO 8601 UTC. */
  readonly now?: () => string;
  readonly log?: Log;
}

const file = (name: string) => readFileSync(fileURLToPath(new URL(`./${name}`, import.meta.url)), "utf8");
const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#1f5f5b"/><circle cx="6" cy="8" r="2.6" fill="none" stroke="#fff" stroke-width="1.6"/><path d="M8.6 8H13v2.4M11 8v1.8" fill="none" stroke="#fff" stroke-width="1.6"/></svg>`;
const assets: Readonly<Record<string, readonly [type: string, body: string]>> = {
  "/style.css": ["text/css; charset=utf-8", file("style.css")],
  "/live.js": ["text/javascript; charset=utf-8", file("live.js")],
  "/icon.svg": ["image/svg+xml", icon],
};

/** The dashboard, the JSON API and the health checks. Works without JavaScript; serves nothing that is not its own. */
export function createWeb(options: WebOptions): Hono {
  const { readers, hosts, log = silentLog } = options;
  const now = options.now ?? (() => new Date().toISOString());
  const catalogue = options.catalogue ?? { playbooks: [], providers: [], sinks: [], connections: [] };
  const app = new Hono();

  app.use(securityHeaders);
  if (hosts !== undefined) app.use(onlyHosts(hosts));

  app.get("/healthz", (context) => context.text("ok\n"));
  app.get("/readyz", async (context) => {
    try {
      await readers.ready();
      return context.text("ready\n");
    } catch (error) {
      log.error({ error: describeError(error) }, "the database does not answer");
      return context.text("the database does not answer\n", 503);
    }
  });
  for (const [path, [type, body]] of Object.entries(assets))
    app.get(path, etag(), (context) => context.body(body, 200, { "content-type": type, "cache-control": "no-cache" }));
  if (options.consumers !== undefined) app.route("/", consumerRoutes(options.consumers, log));
  if (options.decisions !== undefined) app.route("/", decisionRoutes(options.decisions));

  if (options.runtime !== undefined) app.route("/", runtimeRoutes(options.runtime, log));

  const { login, guard } = options;
  if (login !== undefined) app.route("/", loginRoutes({ ...login, log }));
  app.use(login === undefined ? (guard ?? openToAll) : firstOf(guard, login.sessions.guard(askToLogIn)));
  app.use(
    "/api/*",
    rateLimit(600, (context) => viewerOf(context).name),
  );
  if (login !== undefined) app.route("/", actRoutes({ readers, ...login }));
  app.route("/", metricsRoutes({ readers, now, numbers: options.numbers ?? (async () => []) }));
  const rollout = options.rollout ?? (async () => ({ repositories: [] }));
  const chainWindow = options.chainWindow ?? 7 * 86_400_000;
  const backfill = options.backfill ?? (async () => ({ repositories: [] }));
  app.route("/", apiRoutes({ readers, now, chainWindow, rollout, backfill }));
  const { governance, estate } = options;
  const overview = governance === undefined || estate === undefined ? undefined : { readers, governance, estate, now };
  if (overview !== undefined) app.route("/", overviewRoutes(overview));
  const tiles = overview === undefined ? async () => [] : (context: Context) => tilesOf(overview, context);
  app.route(
    "/",
    pageRoutes({
      readers,
      now,
      catalogue,
      chainWindow,
      rollout,
      backfill,
      tiles,
      ...(login === undefined ? {} : { sessions: login.sessions }),
    }),
  );
  app.route("/", exceptionRoutes({ readers, now, ...(options.exceptions === undefined ? {} : { ask: options.exceptions }) }));
  if (governance !== undefined) {
    const deciding = login === undefined || options.decide === undefined ? undefined : { sessions: login.sessions, decide: options.decide };
    app.route("/", governanceRoutes({ governance, now, ...(deciding === undefined ? {} : { deciding }) }));
  }

  if (options.silencing !== undefined)
    app.route(
      "/",
      silenceRoutes({ readers, now, silencing: options.silencing, ...(login === undefined ? {} : { sessions: login.sessions }) }),
    );
  if (options.settings !== undefined) app.route("/", settingsRoutes({ settings: options.settings, now }));

  app.notFound((context) => {
    if (context.req.path.startsWith("/api/")) return context.json({ error: "there is nothing at this address" }, 404);
    return context.html(
      messagePage("Not found", "There is nothing at this address. An incident's address is /incidents/ and its id."),
      404,
    );
  });
  app.onError((error, context) => {
    log.error({ error: describeError(error), path: context.req.routePath }, "a page could not be shown");
    if (context.req.path.startsWith("/api/")) return context.json({ error: "an unexpected failure; the server's log has more" }, 500);
    return context.html(messagePage("Something failed", "This page could not be shown. The server's log has more."), 500);
  });
  return app;
}

/** A program that names itself is judged by its token alone; everybody else by their session. */
function firstOf(programs: MiddlewareHandler | undefined, people: MiddlewareHandler): MiddlewareHandler {
  return (context, next) =>
    (programs !== undefined && context.req.header("authorization") !== undefined ? programs : people)(context, next);
}

function askToLogIn(context: Context): Response {
  if (context.req.path.startsWith("/api/")) return context.json({ error: "give an API token as a bearer token, or log in" }, 401);
  const { pathname, search } = new URL(context.req.url);
  return context.redirect(`/login?next=${encodeURIComponent(`${pathname}${search}`)}`, 303);
}

const openToAll: MiddlewareHandler = async (context, next) => {
  setViewer(context, everything);
  await next();
};
