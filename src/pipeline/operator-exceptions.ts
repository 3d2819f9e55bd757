import { Hono } from "hono";
import { z } from "zod";
import { parseIncidentId } from "../incident/id.ts";
import { operatorApprover } from "../incident/policy.ts";
import type { Rekey } from "./context.ts";
import { askExceptions, declineException } from "./exceptions.ts";
import { order } from "./order.ts";
import { redrawIncident } from "./surfaces.ts";

const reason = z.string().trim().min(1).max(500);

const bodies = {
  ask: z.strictObject({ target: z.string().min(1).max(1000), reason, until: z.iso.date() }),
  decline: z.strictObject({ incident: z.string().max(20), reason }),
};

/** Exceptions, for the operator of this machine: asks and ends, but is no second person. */
export function exceptionOrders(rekey: Rekey): Hono {
  const app = new Hono();
  app.post(
    "/operator/exceptions",
    order(bodies.ask, async ({ target, ...asking }) => ({
      results: await askExceptions(rekey, target, { ...asking, by: operatorApprover, vouched: false }),
    })),
  );
  app.post(
    "/operator/exceptions/decline",
    order(bodies.decline, async ({ incident, reason: why }) => {
      const id = parseIncidentId(incident) ?? incident;
      const text = await declineException(rekey, id, { by: operatorApprover, reason: why });
      await redrawIncident(rekey, id);
      return { text };
    }),
  );
  return app;
}
