import type { Context } from "hono";
import { z } from "zod";
import { RefusedError, UsageError } from "../errors.ts";

/** A handler that reads a JSON body by its schema, carries it out, and says in one sentence what is wrong or refused (400, 409). */
export function order<S extends z.ZodType>(schema: S, carryOut: (body: z.output<S>, context: Context) => Promise<object>) {
  return async (context: Context) => {
    const body = schema.safeParse(await context.req.json().catch(() => ({})));
    if (!body.success) return context.json({ error: z.prettifyError(body.error) }, 400);
    try {
      return context.json(await carryOut(body.data, context));
    } catch (error) {
      if (error instanceof RefusedError) return context.json({ error: error.message }, 409);
      if (error instanceof UsageError) return context.json({ error: error.message }, 400);
      throw error;
    }
  };
}
