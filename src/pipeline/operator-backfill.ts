import { Hono } from "hono";
import { z } from "zod";
import { RefusedError } from "../errors.ts";
import { operatorApprover } from "../incident/policy.ts";
import { backfillStatus, pauseBackfill, resumeBackfill, startBackfill } from "../store/backfill.ts";
import { wakeBackfill } from "./backfill.ts";
import type { Rekey } from "./context.ts";
import { order } from "./order.ts";

/** How the history of all repositories is looked through, and who may hold it up: the operator of this machine. */
export function operatorBackfillRoutes(rekey: Rekey): Hono {
  const app = new Hono();
  const { db } = rekey.database;
  app.get("/operator/backfill", async (context) => context.json(await backfillStatus(db)));
  app.post(
    "/operator/backfill/start",
    order(z.strictObject({ repository: z.string().max(200).optional() }), async ({ repository }) => {
      const started = await startBackfill(db, repository);
      await wakeBackfill(rekey);
      return { started };
    }),
  );
  app.post(
    "/operator/backfill/pause",
    order(z.strictObject({}), async () => {
      if (!(await pauseBackfill(db, operatorApprover))) throw new RefusedError("the backfill is paused already");
      return {};
    }),
  );
  app.post(
    "/operator/backfill/resume",
    order(z.strictObject({}), async () => {
      if (!(await resumeBackfill(db))) throw new RefusedError("the backfill is not paused");
      await wakeBackfill(rekey);
      return {};
    }),
  );
  return app;
}
