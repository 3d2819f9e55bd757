import { Hono } from "hono";
import type { Log } from "../../log.ts";
import { eventRoutes } from "./events.ts";
import type { RuntimeGate } from "./gate.ts";
import { guardrailRoutes } from "./guardrail.ts";
import { otlpRoutes } from "./otlp.ts";
import { Door } from "./request.ts";

/** What agents do, as it happens: OTLP, LiteLLM's guardrail call, and events of other products. Without a source's token nothing is read. */
export function runtimeRoutes(gate: RuntimeGate, log: Log): Hono {
  const door = new Door(gate, log);
  const app = new Hono();
  for (const routes of [otlpRoutes, guardrailRoutes, eventRoutes]) app.route("/", routes(gate, door));
  return app;
}
