import { type Context, Hono } from "hono";
import { z } from "zod";
import { RefusedError } from "../errors.ts";
import type { Incident } from "../incident/fold.ts";
import { operatorApprover } from "../incident/policy.ts";
import { Secret } from "../secret.ts";
import { backUp } from "../store/backup.ts";
import { giveApproval } from "../store/evidence.ts";
import { getIncident } from "../store/incidents.ts";
import { holdRollout, releaseRollout } from "../store/rollout.ts";
import { pauseRotations, resumeRotations } from "../store/rotation-requests.ts";
import type { Rekey } from "./context.ts";
import { operatorBackfillRoutes } from "./operator-backfill.ts";
import { operatorBulkRoutes } from "./operator-bulk.ts";
import { exceptionOrders } from "./operator-exceptions.ts";
import { peopleOrders } from "./operator-people.ts";
import { reviewRoutes } from "./operator-reviews.ts";
import { operatorTokenRoutes } from "./operator-tokens.ts";
import { order } from "./order.ts";
import { replan } from "./planning.ts";
import { keptPlan } from "./readiness.ts";
import { isLeaked } from "./recover.ts";
import { rehearse } from "./rehearse.ts";
import { confirmRules, notEnabled, policyFor, rolloutOverview, rolloutPlan } from "./rollout.ts";
import { decideRuntime } from "./runtime-command.ts";
import { requestRotation, startDue } from "./start-rotation.ts";
import { redrawIncident } from "./surfaces.ts";
import { verifyDead } from "./verify.ts";

const bodies = {
  rotate: z.strictObject({ plan: z.string() }),
  replan: z.strictObject({ playbook: z.string() }),
  verify: z.strictObject({ value: z.string().max(65_536).optional() }),
  rehearse: z.strictObject({
    playbook: z.string().max(60),
    connection: z.string().max(60).optional(),
    store: z.string().max(60).optional(),
    path: z.string().max(200).optional(),
    attributes: z.record(z.string().max(60), z.string().max(500)).default({}),
  }),
  incident: z.strictObject({ verb: z.enum(["acknowledge", "resolve", "contain"]), reason: z.string().max(500).optional() }),
  pause: z.strictObject({ reason: z.string().min(1).max(500) }),
  confirm: z.strictObject({ hash: z.string().max(64) }),
};

/** What the operator of this machine may do through the unix socket of the server (mode 0600), beside reading. */
export function operatorRoutes(rekey: Rekey): Hono {
  const app = new Hono();
  const id = (context: Context) => context.req.param("id") ?? "";

  app.route("/", reviewRoutes(rekey));
  app.route("/", exceptionOrders(rekey));
  app.route("/", peopleOrders(rekey));
  app.post(
    "/operator/backup",
    order(z.strictObject({ target: z.string().max(1000), directory: z.string().max(1000) }), async ({ target, directory }) => ({
      events: await backUp(rekey.database, directory, target),
    })),
  );
  app.route("/", operatorTokenRoutes(rekey));
  app.route("/", operatorBackfillRoutes(rekey));
  app.route("/", operatorBulkRoutes(rekey));
  app.get("/operator/plan/:id", async (context) => {
    const plan = await keptPlan(rekey, id(context));
    return context.json(plan === undefined ? {} : { body: plan });
  });
  app.post(
    "/operator/plan/:id",
    order(bodies.replan, async ({ playbook }, context) => ({ body: await replan(rekey, id(context), playbook) })),
  );
  app.post(
    "/operator/rotate/:id",
    order(bodies.rotate, async ({ plan }, context) => rotate(rekey, id(context), plan)),
  );
  app.post(
    "/operator/incident/:id",
    order(bodies.incident, async ({ verb, reason }, context) => {
      const incident = await openIncident(rekey, id(context));
      await decideRuntime(rekey, incident, { verb, by: operatorApprover, reason });
      return {};
    }),
  );
  app.post(
    "/operator/verify/:id",
    order(bodies.verify, async ({ value }, context) => verify(rekey, await openIncident(rekey, id(context)), value)),
  );
  app.post(
    "/operator/rehearse",
    order(bodies.rehearse, (wanted) => rehearse(rekey, wanted)),
  );
  app.post(
    "/operator/pause",
    order(bodies.pause, async ({ reason }) => {
      if (!(await pauseRotations(rekey.database.db, operatorApprover, reason))) throw new RefusedError("rotations are paused already");
      rekey.log.warn({ reason }, "all rotations are paused");
      return {};
    }),
  );
  app.post(
    "/operator/resume",
    order(z.object({}), async () => {
      const runs = await resumeRotations(rekey.database.db);
      if (runs === undefined) throw new RefusedError("rotations are not paused");
      for (const run of runs) await rekey.queue.enqueue("rotation", { run }, { singletonKey: run });
      await startDue(rekey);
      return { runs };
    }),
  );
  app.get("/operator/rollout", async (context) => context.json(await rolloutOverview(rekey)));
  app.get("/operator/rollout/plan", async (context) => context.json(await rolloutPlan(rekey)));
  app.post(
    "/operator/rollout/confirm",
    order(bodies.confirm, async ({ hash }) => {
      await confirmRules(rekey, hash, operatorApprover);
      rekey.log.info({ hash }, "the rules of the rollout are confirmed");
      return rolloutOverview(rekey);
    }),
  );
  app.post(
    "/operator/rollout/hold",
    order(bodies.pause, async ({ reason }) => {
      const done = await holdRollout(rekey.database.db, operatorApprover, reason);
      rekey.log.warn({ reason }, "everything is held at observe");
      return { done };
    }),
  );
  app.post(
    "/operator/rollout/release",
    order(z.object({}), async () => ({ done: await releaseRollout(rekey.database.db) })),
  );
  return app;
}

async function openIncident(rekey: Rekey, id: string): Promise<Incident> {
  const incident = await getIncident(rekey.database.db, id);
  if (incident === undefined) throw new RefusedError(`${id} is not known; rekey report lists the open incidents`);
  if (incident.state === "resolved") throw new RefusedError(`${id} is closed already`);
  return incident;
}

/** Production needs a second person, whom a machine's operator alone is not. */
async function rotate(rekey: Rekey, id: string, hash: string): Promise<object> {
  const { db } = rekey.database;
  const [incident, plan] = [await openIncident(rekey, id), await keptPlan(rekey, id)];
  if ((await policyFor(rekey, incident)).stage !== "rotate") throw new RefusedError(notEnabled);
  if (plan === undefined) throw new RefusedError(`${id} has no plan: no playbook serves its type`);
  if (plan.hash !== hash) throw new RefusedError(`the plan has changed to ${plan.hash}; look at it with rekey plan ${id}`);
  if (plan.approvals.some(({ from }) => from === "second-person"))
    throw new RefusedError("an irreversible revoke in production needs a second person; approve it on the pull request");
  const source = `socket-${id}-${hash}-${Date.now()}`;
  await db
    .transaction()
    .execute((trx) => giveApproval(trx, { incident: id, planHash: hash, by: operatorApprover, role: "operator of the server", source }));
  const outcome = await requestRotation(rekey, incident, plan, { by: operatorApprover });
  if (outcome.state === "refused") throw new RefusedError(outcome.sentence);
  return outcome;
}

/** `value` counts only if it is the leaked one. It is held in memory for the probes and then wiped. */
async function verify(rekey: Rekey, incident: Incident, value: string | undefined): Promise<object> {
  const given = value === undefined ? undefined : Secret.from(value.trim());
  try {
    if (given !== undefined && !isLeaked(rekey, incident, given))
      throw new RefusedError(
        `what came on stdin is not the credential of ${incident.id}: its fingerprint differs; give the leaked value alone`,
      );
    const verdict = await verifyDead(
      rekey,
      incident.id,
      (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
      given,
    );
    await redrawIncident(rekey, incident.id);
    return verdict;
  } finally {
    given?.wipe();
  }
}
