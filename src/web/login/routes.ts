import { randomBytes, timingSafeEqual } from "node:crypto";
import { type Context, Hono } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { html } from "hono/html";
import { z } from "zod";
import { describeError, type Log } from "../../log.ts";
import { join, messagePage, nothing, page } from "../layout.ts";
import { rateLimit, remoteAddress } from "../rate.ts";
import type { Flow, IdentityProvider } from "./person.ts";
import type { Sessions } from "./session.ts";

const Kept = z.object({ state: z.string(), verifier: z.string(), next: z.string(), fresh: z.boolean() });
const flowMinutes = 10;

/** `/login`, where the browser is sent to who vouches for people and comes back; `/logout`. */
export function loginRoutes({
  providers,
  sessions,
  url,
  log,
}: {
  providers: readonly IdentityProvider[];
  sessions: Sessions;
  url: URL;
  log: Log;
}): Hono {
  const app = new Hono();
  const secure = sessions.secure;
  const cookie = secure ? "__Secure-rekey-login" : "rekey-login";
  const callbackOf = ({ name }: IdentityProvider) => new URL(`/login/${name}/callback`, url).href;
  const providerOf = (context: Context) => providers.find(({ name }) => name === context.req.param("provider"));

  app.use("/login/*", rateLimit(60, remoteAddress));

  app.get("/login", (context) => {
    const next = localPath(context.req.query("next"));
    return context.html(
      page(
        "Log in",
        join([
          html`<h1>Log in to Rekey</h1>`,
          html`<ul class="plain">${providers.map(
            ({ name, label }) =>
              html`<li><a class="button" href="/login/${name}?next=${encodeURIComponent(next)}">Log in with ${label}</a></li>`,
          )}</ul>`,
          providers.some(({ name }) => name === "github")
            ? html`<p class="note">With GitHub you see what is found in repositories that you may read there.</p>`
            : nothing,
        ]),
      ),
    );
  });

  app.get("/login/:provider", async (context) => {
    const provider = providerOf(context);
    if (provider === undefined) return context.notFound();
    const flow = { state: randomBytes(24).toString("base64url"), verifier: randomBytes(48).toString("base64url") };
    const fresh = context.req.query("fresh") === "1";
    const kept = JSON.stringify({ ...flow, next: localPath(context.req.query("next")), fresh });
    const address = await provider.start(flow, { callback: callbackOf(provider), fresh });
    setCookie(context, cookie, kept, { httpOnly: true, sameSite: "Lax", path: "/login", secure, maxAge: flowMinutes * 60 });
    return context.redirect(address, 303);
  });

  app.get("/login/:provider/callback", async (context) => {
    const provider = providerOf(context);
    if (provider === undefined) return context.notFound();
    const kept = parsed(getCookie(context, cookie));
    deleteCookie(context, cookie, { path: "/login", secure });
    if (kept === undefined || !same(context.req.query("state") ?? "", kept.state))
      return context.html(
        messagePage("Not your login", "This answer belongs to no login that this browser began. Begin again at /login."),
        400,
      );
    if (context.req.query("error") !== undefined)
      return context.html(messagePage("Not logged in", `${provider.label} did not agree. Begin again at /login.`), 403);
    const flow: Flow = { state: kept.state, verifier: kept.verifier };
    try {
      const person = await provider.finish(new URL(context.req.url), flow, { callback: callbackOf(provider), fresh: kept.fresh });
      if (person === undefined) {
        log.warn({ provider: provider.name }, "somebody who may not come in tried to log in");
        return context.html(
          messagePage("You may not come in", `${provider.label} knows you, and this server does not admit you. Ask its operator.`),
          403,
        );
      }
      await sessions.begin(context, person, provider.name);
      log.info({ provider: provider.name, name: person.name, role: person.role }, "somebody logged in");
      return context.redirect(kept.next, 303);
    } catch (error) {
      log.warn({ provider: provider.name, error: describeError(error) }, "a login failed");
      return context.html(
        messagePage("Not logged in", `${provider.label} could not be asked, or its answer is not valid. Begin again at /login.`),
        502,
      );
    }
  });

  app.post("/logout", async (context) => {
    const session = await sessions.of(context);
    if (session !== undefined && !(await sessions.isOurs(context, session)))
      return context.html(messagePage("Not taken", "This did not come from a page of this server."), 403);
    await sessions.end(context);
    return context.redirect("/login", 303);
  });
  return app;
}

/** A path of this server: another host, a scheme or control characters are no place to be sent to. */
function localPath(given: string | undefined): string {
  return given !== undefined && given.length <= 500 && /^\/(?![/\\])[\x21-\x7e]*$/.test(given) && !given.startsWith("/login") ? given : "/";
}

function parsed(cookie: string | undefined): z.output<typeof Kept> | undefined {
  try {
    return Kept.safeParse(JSON.parse(cookie ?? "")).data;
  } catch {
    return undefined;
  }
}

function same(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}
