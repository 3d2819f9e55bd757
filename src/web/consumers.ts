import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";
import { describeError, type Log } from "../log.ts";

export interface ConsumerGate {
  /** Whether this is the bearer token of this consumer; compares in constant time. */
  verify(name: string, token: string): boolean | Promise<boolean>;
  report(report: { name: string; connection: string; path: string; version: string }): Promise<void>;
}

const Body = z.strictObject({
  connection: z.string().regex(/^[\w.-]{1,60}$/),
  path: z.string().min(1).max(500),
  /** KV v2 number or AWS VersionId. */
  version: z.string().regex(/^[\w.-]{1,100}$/),
});

/**
 * `POST /api/v1/consumers/<name>/version` (contracts.md §8): a consumer says which version it uses, after its last call with
 * the one before has returned. 204 when it is recorded.
 */
export function consumerRoutes(gate: ConsumerGate, log: Log): Hono {
  const app = new Hono();
  const small = bodyLimit({ maxSize: 4096, onError: (context) => context.json({ error: "a report has at most 4096 bytes" }, 413) });
  app.post("/api/v1/consumers/:name/version", small, async (context) => {
    const name = context.req.param("name");
    const token = /^Bearer (\S+)$/.exec(context.req.header("authorization") ?? "")?.[1];
    if (!/^[\w.-]{1,100}$/.test(name) || token === undefined || !(await gate.verify(name, token))) {
      return context.json({ error: "this is not the token of this consumer" }, 401, { "www-authenticate": "Bearer" });
    }
    const body = Body.safeParse(await context.req.json().catch(() => undefined));
    if (!body.success) return context.json({ error: "expected a JSON object { connection, path, version } of strings" }, 400);
    try {
      await gate.report({ name, ...body.data });
    } catch (error) {
      log.error({ error: describeError(error), consumer: name }, "a consumer's report could not be recorded");
      return context.json({ error: "the report could not be recorded; send it again" }, 503);
    }
    return context.body(null, 204);
  });
  return app;
}
