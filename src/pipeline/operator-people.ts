import { Hono } from "hono";
import { z } from "zod";
import { forgetPerson } from "../store/people.ts";
import type { Rekey } from "./context.ts";
import { order } from "./order.ts";

/** A login of GitHub; also what a bot or an enterprise account is called. */
const login = /^@?[A-Za-z0-9][A-Za-z0-9_-]{0,99}(\[bot\])?$/;

/** Erasure of a person's name on request, for `rekey people` while this server owns the database. */
export function peopleOrders({ database: { db }, log }: Rekey): Hono {
  const app = new Hono();
  app.post(
    "/operator/people/erase",
    order(z.strictObject({ login: z.string().regex(login) }), async ({ login: name }) => {
      const changed = Object.fromEntries(await forgetPerson(db, name));
      log.info({ changed }, "a person's name was erased");
      return { changed };
    }),
  );
  return app;
}
