import { Hono } from "hono";
import { z } from "zod";
import { operatorApprover } from "../incident/policy.ts";
import type { Rekey } from "./context.ts";
import { decideAll } from "./decide-all.ts";
import { order } from "./order.ts";
import { openCampaign } from "./reviews.ts";

const word = z.string().min(1).max(300);

const bodies = {
  create: z.strictObject({
    name: z.string().min(1).max(200),
    dueAt: z.iso.datetime(),
    owner: word.optional(),
    kind: word.optional(),
    repository: word.optional(),
    issueIn: z
      .string()
      .regex(/^[\w.-]+\/[\w.-]+$/)
      .optional(),
  }),
  decide: z.strictObject({
    decisions: z
      .array(
        z.strictObject({
          item: z.string().max(20),
          hash: z.string().max(64).optional(),
          verdict: z.enum(["keep", "deny"]),
          by: word,
          reason: z.string().min(1).max(500),
        }),
      )
      .max(20_000),
    via: z.enum(["operator", "import"]),
  }),
};

/** Access reviews, for the operator of this machine. */
export function reviewRoutes(rekey: Rekey): Hono {
  const app = new Hono();
  app.post(
    "/operator/reviews",
    order(bodies.create, ({ owner, kind, repository, issueIn, name, dueAt }) =>
      openCampaign(rekey, {
        name,
        dueAt,
        by: operatorApprover,
        ...(owner === undefined ? {} : { owner }),
        ...(kind === undefined ? {} : { kind }),
        ...(repository === undefined ? {} : { repository }),
        ...(issueIn === undefined ? {} : { issueIn }),
      }),
    ),
  );
  app.post(
    "/operator/reviews/decisions",
    order(bodies.decide, async ({ decisions, via }) => ({ results: await decideAll(rekey, decisions, via) })),
  );
  return app;
}
