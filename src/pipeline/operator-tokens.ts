import { Hono } from "hono";
import { z } from "zod";
import { createApiToken, dropApiToken, listApiTokens } from "../store/access.ts";
import type { Rekey } from "./context.ts";
import { order } from "./order.ts";

const Token = z.strictObject({
  name: z.string().regex(/^[\w .-]{1,60}$/),
  scopes: z.array(z.string().max(60)).min(1).max(20),
  repositories: z.array(z.string().max(200)).min(1).max(1000).optional(),
  expiresAt: z.iso.datetime(),
});

/** Tokens of programs, for `rekey token` while this server owns the database. */
export function operatorTokenRoutes({ database: { db }, log }: Rekey): Hono {
  const app = new Hono();
  app.post(
    "/operator/token/create",
    order(Token, async ({ name, scopes, repositories, expiresAt }) => {
      const token = await createApiToken(db, {
        name,
        scopes,
        expiresAt: new Date(expiresAt),
        ...(repositories === undefined ? {} : { repositories }),
      });
      log.info({ name, scopes }, "a token for a program was made");
      return token === undefined ? {} : { token };
    }),
  );
  app.post(
    "/operator/token/list",
    order(z.object({}), async () => ({ tokens: await listApiTokens(db) })),
  );
  app.post(
    "/operator/token/remove",
    order(z.strictObject({ name: z.string().max(60) }), async ({ name }) => ({ removed: await dropApiToken(db, name) })),
  );
  return app;
}
