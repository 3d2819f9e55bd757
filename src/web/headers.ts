import type { MiddlewareHandler } from "hono";

/** No exceptions and no nonces: the pages have no inline scripts or styles, and the one script (live.js) asks this server only. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "connect-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join("; ");

export const securityHeaders: MiddlewareHandler = async (context, next) => {
  await next();
  const { headers } = context.res;
  headers.set("content-security-policy", policy);
  headers.set("x-content-type-options", "nosniff");
  // not `no-referrer`: a form would then come without the origin that its page is checked by
  headers.set("referrer-policy", "same-origin");
  headers.set("cross-origin-opener-policy", "same-origin");
  headers.set("cross-origin-resource-policy", "same-origin");
  headers.set("permissions-policy", "camera=(), geolocation=(), microphone=()");
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
};

/** Refuses requests that name another host: a page elsewhere whose name was pointed at this address (DNS rebinding). */
export function onlyHosts(hosts: readonly string[]): MiddlewareHandler {
  const known = new Set(hosts.map((host) => host.toLowerCase()));
  return async (context, next) => {
    const name = (context.req.header("host") ?? "").toLowerCase().replace(/:\d+$/, "");
    if (!known.has(name)) return context.text("this server does not answer to that host name\n", 421);
    return next();
  };
}

/** For a server that listens on loopback only. */
export const loopbackHosts: readonly string[] = ["127.0.0.1", "localhost", "[::1]"];
