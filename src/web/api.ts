import { type Context, Hono } from "hono";
import { etag } from "hono/etag";
import { chainOf } from "../incident/chain.ts";
import { parseIncidentId } from "../incident/id.ts";
import { type IncidentKind, kindOf, type RuntimeKind } from "../incident/runtime.ts";
import { type GroupBy, groupBy } from "../metric/groups.ts";
import { summarize } from "../metric/summary.ts";
import { weekly } from "../metric/weeks.ts";
import { metricsJson } from "../report/metrics-json.ts";
import { type BackfillView, backfillFor } from "./backfill.ts";
import { address, parseFilter, select } from "./filter.ts";
import { groupings } from "./groups.ts";
import { openApi } from "./openapi.ts";
import type { Readers } from "./readers.ts";
import { type RolloutView, rolloutFor } from "./rollout.ts";
import { heldBackFor, sees, viewerOf } from "./viewer.ts";

/** The JSON API under the pages (docs/api.md; described by /api/v1/openapi.json). It shows what the pages show, to the same people. */
export function apiRoutes({
  readers,
  now,
  chainWindow,
  rollout,
  backfill,
}: {
  readers: Readers;
  now: () => string;
  /** Milliseconds. */
  chainWindow: number;
  rollout: () => Promise<RolloutView>;
  backfill: () => Promise<BackfillView>;
}): Hono {
  const app = new Hono();
  const visible = async (context: Context) => (await readers.incidents()).filter((incident) => sees(viewerOf(context), incident));

  app.get("/api/v1/openapi.json", etag(), (context) => context.json(openApi));
  app.get("/api/v1/incidents", etag(), async (context) => {
    const filter = parseFilter(context.req.query());
    if (typeof filter === "string") return context.json({ error: filter }, 400);
    const { rows, total, next } = select(await visible(context), filter, now());
    if (next !== undefined) context.header("link", `<${address("/api/v1/incidents", filter, { after: next })}>; rel="next"`);
    const held = await heldBackFor(readers, viewerOf(context));
    return context.json({
      version: 1,
      total,
      incidents: rows.map(withKind),
      ...(held.length === 0 ? {} : { heldBack: held }),
      ...(next === undefined ? {} : { next }),
    });
  });
  app.get("/api/v1/incidents/:id", etag(), async (context) => {
    const id = parseIncidentId(context.req.param("id"));
    const seen = await visible(context);
    const listed = seen.find((one) => one.id === id);
    const incident = listed === undefined ? undefined : await readers.incident(listed.id);
    if (incident === undefined) return context.json({ error: "there is no incident with this id" }, 404);
    const [timeline, receipts, effects] = await Promise.all([
      readers.timeline(incident.id),
      readers.receipts(incident.id),
      incident.run === undefined ? [] : readers.effects(incident.run.id),
    ]);
    const chain = chainOf(incident, seen, chainWindow);
    return context.json({ version: 1, incident: withKind(incident), chain, timeline, receipts, effects });
  });
  app.get("/api/v1/metrics", etag(), async (context) => {
    const incidents = await visible(context);
    return context.json({ ...metricsJson(summarize(incidents, now())), weeks: weekly(incidents, now()) });
  });
  app.get("/api/v1/rollout", etag(), async (context) => context.json({ version: 1, ...rolloutFor(viewerOf(context), await rollout()) }));
  app.get("/api/v1/backfill", etag(), async (context) => context.json({ version: 1, ...backfillFor(viewerOf(context), await backfill()) }));
  app.get("/api/v1/groups/:by", etag(), async (context) => {
    const by = context.req.param("by");
    if (!Object.hasOwn(groupings, by)) return context.json({ error: `group by one of ${Object.keys(groupings).join(", ")}` }, 404);
    return context.json({ version: 1, groups: groupBy(await visible(context), by as GroupBy, now()) });
  });
  return app;
}

/** The kind is said of every incident, also of a leaked credential. */
function withKind<I extends { readonly kind?: RuntimeKind }>(incident: I): Omit<I, "kind"> & { readonly kind: IncidentKind } {
  return { ...incident, kind: kindOf(incident) };
}
