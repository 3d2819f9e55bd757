import { Hono } from "hono";
import { z } from "zod";
import { operatorApprover } from "../incident/policy.ts";
import { applyBulk, bulkActions, previewBulk, undoBulk } from "./bulk.ts";
import type { Rekey } from "./context.ts";
import { order } from "./order.ts";

const word = z.string().min(1).max(300).optional();
const Filter = z.strictObject({
  repository: word,
  path: word,
  detector: word,
  owner: word,
  validity: z.enum(["inactive", "unknown"]).optional(),
  origin: z.enum(["new", "history"]).optional(),
});
const action = z.enum(bulkActions);

/** One decision about many incidents, by the operator of this machine. */
export function operatorBulkRoutes(rekey: Rekey): Hono {
  const app = new Hono();
  app.post(
    "/operator/bulk/preview",
    order(z.strictObject({ action, filter: Filter }), (asked) => previewBulk(rekey, asked.action, asked.filter)),
  );
  app.post(
    "/operator/bulk/apply",
    order(z.strictObject({ action, filter: Filter, hash: z.string().max(64), reason: z.string().trim().min(3).max(400) }), (asked) =>
      applyBulk(rekey, { ...asked, by: operatorApprover }),
    ),
  );
  app.post(
    "/operator/bulk/undo",
    order(z.strictObject({ bulk: z.string().max(40) }), ({ bulk }) => undoBulk(rekey, bulk, operatorApprover)),
  );
  return app;
}
