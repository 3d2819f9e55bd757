import { timingSafeEqual } from "node:crypto";
import { Hono } from "hono";
import { html } from "hono/html";

export interface SetupOptions {
  /** Where the form goes, with the state. */
  readonly address: string;
  readonly state: string;
  readonly manifest: object;
  /** Stores what the code gives; what it returns is shown. Called once. */
  readonly finish: (code: string) => Promise<string>;
}

/** The two pages of `rekey setup`, on loopback: a form that leads to GitHub, and the way back, which is taken once and only with the state. */
export function createSetup({ address, state, manifest, finish }: SetupOptions): Hono {
  const app = new Hono();
  let used = false;
  const target = new URL(address).origin;
  app.use(async (context, next) => {
    await next();
    context.res.headers.set(
      "content-security-policy",
      `default-src 'none'; form-action ${target}; frame-ancestors 'none'; base-uri 'none'`,
    );
    context.res.headers.set("referrer-policy", "no-referrer");
    context.res.headers.set("cache-control", "no-store");
  });
  app.get("/", (context) =>
    context.html(html`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Set up Rekey</title></head><body><main>
<h1>Set up Rekey</h1>
<p>GitHub shows what the App may do, and asks you to confirm it. Nothing is installed yet.</p>
<form method="post" action="${address}"><input type="hidden" name="manifest" value="${JSON.stringify(manifest)}"><button type="submit">Register the App at GitHub</button></form>
</main></body></html>`),
  );
  app.get("/callback", async (context) => {
    const { state: given = "", code = "" } = context.req.query();
    if (!same(given, state) || code === "") return context.text("this answer belongs to no set-up that was begun here\n", 400);
    if (used) return context.text("this code was used; look at the terminal\n", 409);
    used = true;
    try {
      return context.html(html`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Rekey is set up</title></head><body><main>
<h1>The App is registered</h1><p>${await finish(code)}</p><p>You may close this page.</p></main></body></html>`);
    } catch {
      return context.text("the App could not be taken over; the terminal says why\n", 502);
    }
  });
  return app;
}

function same(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}
