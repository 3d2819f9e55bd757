import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Hono, type MiddlewareHandler } from "hono";
import { etag } from "hono/etag";
import { parseIncidentId } from "../incident/id.ts";
import { describeError, type Log, silentLog } from "../log.ts";
import { summarize } from "../metric/summary.ts";
import { metricsJson } from "../report/metrics-json.ts";
import { type ConsumerGate, consumerRoutes } from "./consumers.ts";
import { dashboardPage } from "./dashboard.ts";
import { onlyHosts, securityHeaders } from "./headers.ts";
import { incidentPage } from "./incident.ts";
import { messagePage } from "./layout.ts";
import type { Readers } from "./readers.ts";

export interface WebOptions {
  readonly readers: Readers;
  /** Who may report versions, and where the reports go; without it the route does not exist. */
  readonly consumers?: ConsumerGate;
  /** Runs before every page and API route that shows incidents (`accessToken` of access.ts, later a login). */
  readonly guard?: MiddlewareHandler;
  /** Host names that requests may name, without port: against DNS rebinding. Absent = any. */
  readonly hosts?: readonly string[];
  /** ISO 8601 UTC. */
  readonly now?: () => string;
  readonly log?: Log;
}

const style = readFileSync(fileURLToPath(new URL("./style.css", import.meta.url)), "utf8");
const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#1f5f5b"/><circle cx="6" cy="8" r="2.6" fill="none" stroke="#fff" stroke-width="1.6"/><path d="M8.6 8H13v2.4M11 8v1.8" fill="none" stroke="#fff" stroke-width="1.6"/></svg>`;

/** The dashboard, the JSON API and the health checks. Works without JavaScript; serves nothing that is not its own. */
export function createWeb(options: WebOptions): Hono {
  const { readers, guard, hosts, log = silentLog } = options;
  const now = options.now ?? (() => new Date().toISOString());
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
  app.get("/style.css", etag(), (context) =>
    context.body(style, 200, { "content-type": "text/css; charset=utf-8", "cache-control": "no-cache" }),
  );
  app.get("/icon.svg", etag(), (context) => context.body(icon, 200, { "content-type": "image/svg+xml", "cache-control": "no-cache" }));
  if (options.consumers !== undefined) app.route("/", consumerRoutes(options.consumers, log));

  if (guard !== undefined) app.use(guard);
  const everything = () => readers.incidents({ limit: 100_000 });

  app.get("/", async (context) => {
    const incidents = await everything();
    return context.html(dashboardPage(summarize(incidents, now()), incidents));
  });
  app.get("/incidents/:id", async (context) => {
    const id = parseIncidentId(context.req.param("id"));
    const incident = id === undefined ? undefined : await readers.incident(id);
    if (incident === undefined) return context.notFound();
    const [timeline, occurrences, receipts, plan] = await Promise.all([
      readers.timeline(incident.id),
      readers.occurrences(incident.id),
      readers.receipts(incident.id),
      readers.plan(incident.id),
    ]);
    return context.html(incidentPage({ incident, timeline, occurrences, receipts, plan, now: now() }));
  });

  app.get("/api/v1/incidents", etag(), async (context) => {
    const { state, limit } = context.req.query();
    if (state !== undefined && state !== "open" && state !== "resolved") {
      return context.json({ error: "state is open or resolved; leave it out for both" }, 400);
    }
    const wanted = limit === undefined ? 1000 : Number(limit);
    if (!Number.isInteger(wanted) || wanted < 1 || wanted > 100_000)
      return context.json({ error: "limit is a whole number from 1 to 100000" }, 400);
    const incidents = await readers.incidents({ ...(state === undefined ? {} : { state }), limit: wanted });
    return context.json({ version: 1, incidents });
  });
  app.get("/api/v1/incidents/:id", etag(), async (context) => {
    const id = parseIncidentId(context.req.param("id"));
    const incident = id === undefined ? undefined : await readers.incident(id);
    if (incident === undefined) return context.json({ error: "there is no incident with this id" }, 404);
    const [timeline, receipts] = await Promise.all([readers.timeline(incident.id), readers.receipts(incident.id)]);
    return context.json({ version: 1, incident, timeline, receipts });
  });
  app.get("/api/v1/metrics", etag(), async (context) => context.json(metricsJson(summarize(await everything(), now()))));

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
