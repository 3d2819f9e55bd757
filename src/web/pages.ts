import { type Context, Hono } from "hono";
import manifest from "../../package.json" with { type: "json" };
import type { Tile } from "../governance/overview.ts";
import { chainOf } from "../incident/chain.ts";
import { parseIncidentId } from "../incident/id.ts";
import { groupBy } from "../metric/groups.ts";
import { weekReport } from "../metric/week-report.ts";
import { incidentsCsv } from "../report/incidents-csv.ts";
import { incidentsOcsf } from "../report/incidents-ocsf.ts";
import { accountPage } from "./account.ts";
import { actForms, mayCommand } from "./act.ts";
import { auditPage, parsePlace } from "./audit.ts";
import { type BackfillView, backfillFor, backfillPage } from "./backfill.ts";
import { dashboardPage } from "./dashboard.ts";
import { parseFilter, select } from "./filter.ts";
import { groupings, groupsPage } from "./groups.ts";
import { identityPage } from "./identity.ts";
import { incidentPage } from "./incident.ts";
import { incidentsPage } from "./incidents.ts";
import { messagePage, nothing } from "./layout.ts";
import { type Sessions, sessionOf } from "./login/session.ts";
import { type Catalogue, playbooksPage } from "./playbooks.ts";
import type { Readers } from "./readers.ts";
import { type RolloutView, rolloutFor, rolloutPage } from "./rollout.ts";
import { heldBackFor, sees, viewerOf } from "./viewer.ts";
import { weekPage } from "./week.ts";

const eventsPerPage = 100;

/** The pages for people. Each shows only what its viewer may see. */
export function pageRoutes({
  readers,
  now,
  catalogue,
  chainWindow,
  rollout,
  backfill,
  tiles,
  sessions,
}: {
  readers: Readers;
  now: () => string;
  catalogue: Catalogue;
  /** Milliseconds. */
  chainWindow: number;
  rollout: () => Promise<RolloutView>;
  backfill: () => Promise<BackfillView>;
  /** The governance row of the first page; empty = none. */
  tiles: (context: Context) => Promise<readonly Tile[]>;
  sessions?: Sessions;
}): Hono {
  const app = new Hono();
  const visible = async (context: Context) => (await readers.incidents()).filter((incident) => sees(viewerOf(context), incident));

  app.get("/", async (context) => {
    const beside = { tiles: await tiles(context), held: await heldBackFor(readers, viewerOf(context)) };
    return context.html(dashboardPage(await visible(context), now(), beside));
  });
  app.get("/incidents", async (context) => {
    const filter = parseFilter(context.req.query());
    if (typeof filter === "string") return context.html(messagePage("Not a filter", `${filter}.`), 400);
    return context.html(
      incidentsPage(select(await visible(context), filter, now()), filter, now(), await heldBackFor(readers, viewerOf(context))),
    );
  });
  app.get("/incidents.csv", async (context) => {
    const filter = parseFilter(context.req.query());
    if (typeof filter === "string") return context.text(`${filter}\n`, 400);
    const { rows } = select(await visible(context), { ...filter, limit: Number.MAX_SAFE_INTEGER }, now());
    return context.body(incidentsCsv(rows), 200, {
      "content-type": "text/csv; charset=utf-8",
      "content-disposition": 'attachment; filename="rekey-incidents.csv"',
    });
  });
  app.get("/incidents.ocsf", async (context) => {
    const filter = parseFilter(context.req.query());
    if (typeof filter === "string") return context.text(`${filter}\n`, 400);
    const { rows } = select(await visible(context), { ...filter, limit: Number.MAX_SAFE_INTEGER }, now());
    return context.body(incidentsOcsf(rows, manifest.version), 200, { "content-type": "application/x-ndjson" });
  });
  app.get("/incidents/:id", async (context) => {
    const id = parseIncidentId(context.req.param("id"));
    const seen = await visible(context);
    const listed = seen.find((one) => one.id === id);
    const incident = listed === undefined ? undefined : await readers.incident(listed.id);
    if (incident === undefined) return context.notFound();
    const [timeline, occurrences, receipts, plan, effects] = await Promise.all([
      readers.timeline(incident.id),
      readers.occurrences(incident.id),
      readers.receipts(incident.id),
      readers.plan(incident.id),
      incident.run === undefined ? [] : readers.effects(incident.run.id),
    ]);
    const session = sessionOf(context);
    const forms =
      session === undefined || sessions === undefined || !mayCommand(viewerOf(context), session.provider)
        ? nothing
        : actForms(incident, plan, sessions.formToken(session));
    return context.html(
      incidentPage({
        incident,
        timeline,
        occurrences,
        receipts,
        plan,
        effects,
        forms,
        chain: chainOf(incident, seen, chainWindow),
        now: now(),
      }),
    );
  });
  for (const [by, { path }] of Object.entries(groupings) as [keyof typeof groupings, { path: string }][])
    app.get(path, async (context) => context.html(groupsPage(by, groupBy(await visible(context), by, now()), now())));
  app.get("/identity", async (context) => {
    const id = context.req.query("id") ?? "";
    const found = id === "" || id.length > 1000 ? undefined : await readers.identity(id);
    const mine = found !== undefined && sees(viewerOf(context), { repositories: [found.repository] });
    const name = found?.graph.identities.find((one) => one.id === id)?.name;
    const seen = mine && name !== undefined ? await readers.seen([name]) : [];
    const shown = mine ? identityPage(id, found.repository, found.graph, seen) : undefined;
    if (shown !== undefined) return context.html(shown);
    const why = "No default branch that you may see has this identity, as it was last read.";
    return context.html(messagePage("Not in the inventory", why, "/identities"), 404);
  });
  app.get("/week", async (context) => context.html(weekPage(weekReport(await visible(context), now()))));
  app.get("/account", (context) => {
    const session = sessionOf(context);
    const token = session === undefined ? undefined : sessions?.formToken(session);
    return context.html(accountPage(viewerOf(context), session, token));
  });
  app.get("/rollout", async (context) => context.html(rolloutPage(rolloutFor(viewerOf(context), await rollout()))));
  app.get("/backfill", async (context) => context.html(backfillPage(backfillFor(viewerOf(context), await backfill()))));
  app.get("/playbooks", (context) => context.html(playbooksPage(catalogue)));
  app.get("/audit", async (context) => {
    const { before } = context.req.query();
    const place = before === undefined ? undefined : parsePlace(before);
    if (before !== undefined && place === undefined)
      return context.html(messagePage("Not a place", "The address does not name an event; begin at the newest."), 400);
    const events = await readers.events({ before: place, limit: eventsPerPage });
    const known = new Set((await visible(context)).map(({ id }) => id));
    return context.html(
      auditPage(
        events.filter(({ stream }) => known.has(stream)),
        events.length === eventsPerPage ? events.at(-1) : undefined,
      ),
    );
  });
  return app;
}
