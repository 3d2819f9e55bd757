import { type Context, Hono } from "hono";
import { html } from "hono/html";
import { z } from "zod";
import { type Silenced, type SilencePreview, silencePreview } from "../governance/silence.ts";
import type { ListedIncident } from "../incident/fold.ts";
import { formatShare } from "../metric/duration.ts";
import { incidentList } from "./incident-row.ts";
import { type Html, join, messagePage, nothing, page, time } from "./layout.ts";
import { type Sessions, sessionOf } from "./login/session.ts";
import type { Readers } from "./readers.ts";
import { sees, viewerOf } from "./viewer.ts";

export interface Silencing {
  /** Types that are silenced now. */
  readonly list: () => Promise<readonly Silenced[]>;
  /** Carries it out, or says in one sentence why not; asks GitHub who is of the security team. */
  readonly order: (order: {
    detector: string;
    by: string;
    reason: string;
    hash?: string | undefined;
  }) => Promise<{ ok: boolean; text: string }>;
}

const Form = z.object({ reason: z.string().trim().min(1).max(500), hash: z.string().max(64).optional() });

/** One credential type: how much of it was false, and silence for the organisation with its preview and its undo. */
export function silenceRoutes(options: { readers: Readers; now: () => string; silencing: Silencing; sessions?: Sessions }): Hono {
  const { readers, now, silencing, sessions } = options;
  const app = new Hono();
  const leads = (context: Context) => ["lead", "admin"].includes(viewerOf(context).role);
  app.get("/types/:detector", async (context) => {
    const detector = context.req.param("detector");
    const all = await readers.incidents();
    const mine = (one: ListedIncident) => sees(viewerOf(context), one);
    const visible = all.filter(mine);
    // who decides for the organisation is told how many there are everywhere; what is listed is what they may see
    const preview = silencePreview(detector, leads(context) ? all : visible);
    if (!visible.some(({ credential }) => credential.detector === detector)) return context.notFound();
    const silenced = (await silencing.list()).find((one) => one.detector === detector);
    const session = sessionOf(context);
    const may = sessions !== undefined && session?.provider === "github" && leads(context);
    const title = visible.find(({ credential }) => credential.detector === detector)?.credential.title ?? detector;
    return context.html(
      typePage({
        detector,
        title,
        preview,
        listed: preview.silences.filter(mine),
        silenced,
        token: may ? sessions.formToken(session) : undefined,
        now: now(),
      }),
    );
  });
  if (sessions === undefined) return app;
  app.post("/types/:detector/silence", async (context) => {
    const session = sessionOf(context);
    if (session?.provider !== "github" || !leads(context))
      return context.html(messagePage("Not for you", "This is for the security team, logged in through GitHub."), 403);
    if (!(await sessions.isOurs(context, session)))
      return context.html(
        messagePage("Not taken", "This did not come from a page of this server, or the page was too old. Open it again."),
        403,
      );
    const detector = context.req.param("detector");
    const back = `/types/${encodeURIComponent(detector)}`;
    const form = Form.safeParse(await context.req.parseBody());
    if (!form.success) return context.html(messagePage("Not understood", "Expected a reason.", back), 400);
    if (!session.fresh) return context.redirect(`/login/github?fresh=1&next=${encodeURIComponent(back)}`, 303);
    const said = await silencing.order({ detector, by: session.viewer.name, ...form.data });
    return context.html(messagePage(said.ok ? "Taken" : "Not done", `${said.text}.`, back), said.ok ? 200 : 409);
  });
  return app;
}

interface TypeView {
  readonly detector: string;
  readonly title: string;
  readonly preview: SilencePreview<ListedIncident>;
  /** Those of `preview.silences` that who looks may see. */
  readonly listed: readonly ListedIncident[];
  readonly silenced: Silenced | undefined;
  readonly token: string | undefined;
  readonly now: string;
}

function typePage({ detector, title, preview, listed, silenced, token, now }: TypeView): Html {
  const { silences, stays, found, dismissed, real } = preview;
  return page(
    title,
    join([
      html`<p class="crumb"><a href="/types">Credential types</a></p>
<h1><bdi>${title}</bdi>: ${formatShare(dismissed / found)} marked false</h1>
<p class="lead">${found} found, ${dismissed} dismissed, ${real} real (seen alive, or proven dead). <a href="/incidents?type=${encodeURIComponent(detector)}">All of them</a></p>`,
      silenced === undefined
        ? nothing
        : html`<section aria-labelledby="silenced"><h2 id="silenced">Silenced for the organisation</h2>
<p>By <bdi>${silenced.by}</bdi>, ${time(silenced.at)}: <bdi>${silenced.reason}</bdi>. What is found of it is dismissed at once, unless its vendor accepts it.</p>
${token === undefined ? nothing : form(detector, token, "Take it back, and open what was dismissed for it", undefined)}</section>`,
      silenced !== undefined
        ? nothing
        : html`<section aria-labelledby="preview"><h2 id="preview">What silencing it for the organisation would do now</h2>
<p>${silences.length === 0 ? "No open incident would be dismissed" : `${silences.length} open ${silences.length === 1 ? "incident" : "incidents"} would be dismissed`}, and what is found of it later; a key that its vendor accepts stays open${stays.length === 0 ? "" : `, as ${stays.length} of these do`}.${real === 0 ? "" : html` <strong class="missing">${real} of this type were real.</strong>`}</p>
${token === undefined ? html`<p class="note">For the security team, logged in through GitHub.</p>` : form(detector, token, "Silence it for the organisation", preview.hash)}
${listed.length === 0 ? nothing : incidentList(listed.slice(0, 50), now)}
${silences.length > Math.min(50, listed.length) ? html`<p class="note">and ${silences.length - Math.min(50, listed.length)} more</p>` : nothing}</section>`,
      html`<footer>As of ${time(now)}.</footer>`,
    ]),
    { here: "/types" },
  );
}

function form(detector: string, token: string, label: string, hash: string | undefined): Html {
  return html`<form method="post" action="/types/${encodeURIComponent(detector)}/silence" class="act"><input type="hidden" name="form" value="${token}">${hash === undefined ? nothing : html`<input type="hidden" name="hash" value="${hash}">`}<label>Why<input type="text" name="reason" required maxlength="500"></label><button type="submit">${label}</button></form>`;
}
