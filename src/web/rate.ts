import type { Context, MiddlewareHandler } from "hono";

/**
 * At most `most` requests a minute of each caller; more are answered 429 with the seconds to wait. Callers are forgotten with their minute,
 * and never more than `callers` are kept.
 */
export function rateLimit(most: number, callerOf: (context: Context) => string, callers = 10_000): MiddlewareHandler {
  let minute = 0;
  let counts = new Map<string, number>();
  return async (context, next) => {
    const now = Math.floor(Date.now() / 60_000);
    if (now !== minute) {
      minute = now;
      counts = new Map();
    }
    const caller = callerOf(context);
    const count = (counts.get(caller) ?? 0) + 1;
    if (counts.has(caller) || counts.size < callers) counts.set(caller, count);
    if (count <= most) return next();
    context.header("retry-after", String(60 - (Math.floor(Date.now() / 1000) % 60)));
    return context.json({ error: `more than ${most} requests in a minute; wait and try again` }, 429);
  };
}

/** The address that the connection came from; headers that anybody can set are not believed. */
export function remoteAddress(context: Context): string {
  const incoming = (context.env as { incoming?: { socket?: { remoteAddress?: string } } } | undefined)?.incoming;
  return incoming?.socket?.remoteAddress ?? "unknown";
}
