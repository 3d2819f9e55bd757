import { type Context, Hono } from "hono";
import { collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { ListedIncident } from "../incident/fold.ts";
import { summarize } from "../metric/summary.ts";
import type { Readers } from "./readers.ts";
import { sees, viewerOf } from "./viewer.ts";

/** Numbers of the server itself, by name; each becomes a gauge `rekey_<name>`. */
export type ServerNumbers = () => Promise<readonly { readonly name: string; readonly help: string; readonly value: number }[]>;

const severities = ["critical", "high", "medium", "low", "info"] as const;

/**
 * `/metrics` for Prometheus. The only labels are severities and seconds, so that no repository, owner or identity becomes a time series; the numbers
 * are of what the caller may see.
 */
export function metricsRoutes({ readers, now, numbers }: { readers: Readers; now: () => string; numbers: ServerNumbers }): Hono {
  const process = new Registry();
  collectDefaultMetrics({ register: process });
  const app = new Hono();
  app.get("/metrics", async (context: Context) => {
    const incidents = (await readers.incidents()).filter((incident) => sees(viewerOf(context), incident));
    const registry = new Registry();
    incidentGauges(registry, incidents, now());
    for (const { name, help, value } of await numbers()) gauge(registry, name, help).set(value);
    const text = `${await registry.metrics()}\n${await process.metrics()}`;
    return context.text(text, 200, { "content-type": registry.contentType });
  });
  return app;
}

function incidentGauges(registry: Registry, incidents: readonly ListedIncident[], now: string): void {
  const summary = summarize(incidents, now);
  const open = new Gauge({ name: "rekey_incidents_open", help: "Open incidents", labelNames: ["severity"], registers: [registry] });
  for (const severity of severities) open.set({ severity }, summary.open.filter((one) => one.severity === severity).length);
  const { runtime } = summary;
  const events = new Gauge({
    name: "rekey_runtime_incidents_open",
    help: "Open runtime events on AI identities",
    labelNames: ["severity"],
    registers: [registry],
  });
  for (const severity of severities) events.set({ severity }, runtime.open.filter((one) => one.severity === severity).length);
  gauge(registry, "runtime_incidents_overdue", "Open runtime events past the time allowed for their severity").set(runtime.overdue);
  gauge(registry, "incidents_live", "Open incidents whose credential was accepted when last probed").set(summary.live);
  gauge(registry, "incidents_overdue", "Open incidents past the time allowed for their severity").set(summary.overdue);
  gauge(registry, "incidents_proven_dead", "Incidents whose credential is proven dead").set(summary.provenDead);
  gauge(registry, "incidents_revoked_by_statement", "Incidents that somebody said to be revoked, not proven").set(
    summary.revokedByStatement,
  );
  gauge(registry, "incidents_accepted", "Incidents whose risk was accepted").set(summary.accepted);
  const { median } = summary.remediation.survival;
  if (median !== undefined)
    gauge(registry, "remediation_median_seconds", "Kaplan-Meier median of dead minus detected, new leaks").set(median / 1000);
  const share = new Gauge({
    name: "rekey_remediated_share",
    help: "Share of new leaks dead within these seconds",
    labelNames: ["within"],
    registers: [registry],
  });
  for (const { ms, share: value } of summary.remediation.within) if (value !== undefined) share.set({ within: String(ms / 1000) }, value);
}

function gauge(registry: Registry, name: string, help: string): Gauge {
  return new Gauge({ name: `rekey_${name}`, help, registers: [registry] });
}
