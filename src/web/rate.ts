import type { Context, MiddlewareHandler } from "hono";

/**
 * Counts calls of each caller and minute: the seconds to wait for who has had more than `most`. Callers are forgotten with their minute,
 * and never more than `callers` are kept.
 */
export function countPerMinute(callers = 10_000): (caller: string, most: number) => number | undefined {
  let minute = 0;
  let counts = new Map<string, number>();
  return (caller, most) => {
    const now = Math.floor(Date.now() / 60_000);
    if (now !== minute) {
      minute = now;
      counts = new Map();
    }
    const count = (counts.get(caller) ?? 0) + 1;
    if (counts.has(caller) || counts.size < callers) counts.set(caller, count);
    return count <= most ? undefined : 60 - (Math.floor(Date.now() / 1000) % 60);
  };
}

/** At most `most` requests a minute of each caller; more are answered 429 with the seconds to wait. */
export function rateLimit(most: number, callerOf: (context: Context) => string, callers = 10_000): MiddlewareHandler {
  const count = countPerMinute(callers);
  return async (context, next) => {
    const wait = count(callerOf(context), most);
    if (wait === undefined) return next();
    context.header("retry-after", String(wait));
    return context.json({ error: `more than ${most} requests in a minute; wait and try again` }, 429);
  };
}

/** The address that the connection came from; headers that anybody can set are not believed. */
export function remoteAddress(context: Context): string {
  const incoming = (context.env as { incoming?: { socket?: { remoteAddress?: string } } } | undefined)?.incoming;
  return incoming?.socket?.remoteAddress ?? "unknown";
}
