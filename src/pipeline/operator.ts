import { Hono } from "hono";
import { z } from "zod";
import { RefusedError } from "../errors.ts";
import { startRun } from "../rotation/run.ts";
import { giveApproval, latestPlan, openApprovals, useApprovals } from "../store/evidence.ts";
import { getIncident } from "../store/incidents.ts";
import type { Rekey } from "./context.ts";
import { keptPlan } from "./planning.ts";
import { rotationDeps } from "./rotation.ts";

const Order = z.strictObject({ plan: z.string() });

/** What the operator of this machine may do through the unix socket of the server (mode 0600), beside reading. */
export function operatorRoutes(rekey: Rekey): Hono {
  const app = new Hono();
  app.get("/operator/plan/:id", async (context) => {
    const plan = await latestPlan(rekey.database.db, context.req.param("id"));
    return plan === undefined ? context.json({}, 200) : context.json(plan);
  });
  app.post("/operator/rotate/:id", async (context) => {
    const order = Order.safeParse(await context.req.json().catch(() => undefined));
    if (!order.success) return context.json({ error: "expected { plan }" }, 400);
    try {
      return context.json({ run: await rotate(rekey, context.req.param("id"), order.data.plan) });
    } catch (error) {
      if (error instanceof RefusedError) return context.json({ error: error.message }, 409);
      throw error;
    }
  });
  return app;
}

/** Production needs a second person, whom a machine's operator alone is not. */
async function rotate(rekey: Rekey, id: string, hash: string): Promise<string> {
  const { db } = rekey.database;
  const [incident, plan] = [await getIncident(db, id), await keptPlan(rekey, id)];
  if (rekey.config.policy.rollout !== "rotate") throw new RefusedError("rotation is not enabled (policy.rollout in rekey.yml)");
  if (incident === undefined || incident.state === "resolved" || plan === undefined)
    throw new RefusedError(`${id} is not open, or has no plan`);
  if (plan.hash !== hash) throw new RefusedError(`the plan has changed to ${plan.hash}; look at it with rekey plan ${id}`);
  if (plan.approvals.some(({ from }) => from === "second-person"))
    throw new RefusedError("an irreversible revoke in production needs a second person; approve it on the pull request");
  await db
    .transaction()
    .execute((trx) =>
      giveApproval(trx, { incident: id, planHash: hash, by: "operator", role: "operator of the server", source: `socket-${id}-${hash}` }),
    );
  const approvals = await openApprovals(db, id, hash);
  const run = await startRun(rotationDeps(rekey), plan);
  await db.transaction().execute((trx) =>
    useApprovals(
      trx,
      approvals.map(({ id: approval }) => approval),
      run,
    ),
  );
  await rekey.queue.enqueue("rotation", { run }, { singletonKey: run });
  return run;
}
