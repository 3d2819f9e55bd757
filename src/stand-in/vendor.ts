import type { HttpBindings } from "@hono/node-server";
import { serve } from "@hono/node-server";
import { Hono, type HonoRequest, type MiddlewareHandler } from "hono";

/**
 * What goes wrong with one call: the answer is lost before or after the effect, the vendor is slow, throttles, fails, redirects,
 * or something in front of it answers with a page.
 */
export type Fault = "drop-before" | "drop-after" | "hang" | "429" | "500" | "503" | "html" | "redirect" | "foreign-401";

export interface VendorServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** The next call whose method and path match meets this fault; further ones queue behind it. */
  fail(method: string, path: RegExp, fault: Fault, times?: number): void;
  stop(): Promise<void>;
}

export type VendorApp = Hono<{ Bindings: HttpBindings }>;

/**
 * Listens on a loopback port of its own, with faults in front of `build`'s routes. `pathOf`: what a call is named by, for vendors that
 * have one path for everything.
 */
export function startVendor(
  build: (app: VendorApp) => void,
  port = 0,
  pathOf: (call: HonoRequest) => string | Promise<string> = ({ path }) => path,
): Promise<VendorServer> {
  const pending: { method: string; path: RegExp; fault: Fault }[] = [];
  const app: VendorApp = new Hono();
  app.use(faults(pending, pathOf));
  build(app);
  return new Promise((resolve) => {
    const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port }, (address) => {
      resolve({
        url: `http://127.0.0.1:${address.port}`,
        fail(method, path, fault, times = 1) {
          for (let n = 0; n < times; n++) pending.push({ method, path, fault });
        },
        stop: () =>
          new Promise((stopped) => {
            server.close(() => stopped());
            if ("closeAllConnections" in server) server.closeAllConnections();
          }),
      });
    });
  });
}

function faults(
  pending: { method: string; path: RegExp; fault: Fault }[],
  pathOf: (call: HonoRequest) => string | Promise<string>,
): MiddlewareHandler<{ Bindings: HttpBindings }> {
  return async (context, next) => {
    const name = await pathOf(context.req);
    const at = pending.findIndex(({ method, path }) => method === context.req.method && path.test(name));
    const fault = at === -1 ? undefined : pending.splice(at, 1)[0]?.fault;
    const drop = () => context.env.incoming.socket.destroy();
    switch (fault) {
      case undefined:
        return next();
      case "drop-before":
        drop();
        return context.body(null);
      case "drop-after":
        await next();
        drop();
        return;
      case "hang":
        await new Promise((resolve) => context.env.incoming.socket.once("close", resolve));
        return context.body(null);
      case "429":
        return context.json({ error: { code: 429, message: "slow down" } }, 429, { "retry-after": "2" });
      case "500":
        return context.json({ error: { code: 500, message: "internal" } }, 500);
      case "503":
        return context.json({ error: { code: 503, message: "busy" } }, 503, { "retry-after": "1" });
      case "html":
        return context.html("<html><body>Sign in to the network</body></html>");
      case "redirect":
        return context.redirect("https://login.example.com/");
      case "foreign-401":
        return context.html("<html><body>401 from a proxy</body></html>", 401);
    }
  };
}
