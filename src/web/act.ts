import { Hono } from "hono";
import { html } from "hono/html";
import { z } from "zod";
import { askedHash } from "../governance/exception.ts";
import type { Incident } from "../incident/fold.ts";
import { parseIncidentId } from "../incident/id.ts";
import { isCredential } from "../incident/runtime.ts";
import { type Html, messagePage, nothing } from "./layout.ts";
import { type Sessions, sessionOf } from "./login/session.ts";
import type { Readers } from "./readers.ts";
import { roles, sees, type Viewer, viewerOf } from "./viewer.ts";

/** What a person may ask for on an incident's page; the same commands as on a pull request. */
const verbs = [
  "rotate",
  "contain",
  "cancel",
  "verify",
  "revoked",
  "false-positive",
  "accept",
  "decline",
  "acknowledge",
  "resolve",
] as const;
/** Change what cannot be taken back, or say that a living key is fine: asked for only after a fresh login. */
const weighty: readonly string[] = ["rotate", "accept", "false-positive"];

const Form = z.object({
  verb: z.enum(verbs),
  hash: z.string().max(64).optional(),
  text: z.string().trim().max(500).optional(),
  until: z.string().max(40).optional(),
});

export interface IncidentOrder extends z.output<typeof Form> {
  readonly incident: string;
  /** GitHub login. */
  readonly by: string;
}

/** Carries an order out, or says in one sentence why not; asks GitHub again what this person may do. */
export type Act = (order: IncidentOrder) => Promise<{ readonly ok: boolean; readonly text?: string }>;

export function actRoutes({ readers, sessions, act }: { readers: Readers; sessions: Sessions; act: Act }): Hono {
  const app = new Hono();
  app.post("/incidents/:id/act", async (context) => {
    const session = sessionOf(context);
    const id = parseIncidentId(context.req.param("id"));
    const viewer = viewerOf(context);
    if (session === undefined || !mayCommand(viewer, session.provider))
      return context.html(messagePage("Not for you", "Commands are for people with write access on GitHub."), 403);
    if (!(await sessions.isOurs(context, session)))
      return context.html(
        messagePage("Not taken", "This did not come from a page of this server, or the page was too old. Open it again."),
        403,
      );
    const known = (await readers.incidents()).find((one) => one.id === id && sees(viewer, one));
    if (id === undefined || known === undefined) return context.notFound();
    const form = Form.safeParse(emptyLeftOut(await context.req.parseBody()));
    if (!form.success) return context.html(messagePage("Not understood", `Expected one of ${verbs.join(", ")}.`), 400);
    if (weighty.includes(form.data.verb) && !session.fresh)
      return context.redirect(`/login/${session.provider}?fresh=1&next=${encodeURIComponent(`/incidents/${id}`)}`, 303);
    const note = await act({ ...form.data, incident: id, by: viewer.name });
    if (note.ok && note.text === undefined) return context.redirect(`/incidents/${id}`, 303);
    return context.html(
      messagePage(note.ok ? `${id}: taken` : `${id}: not done`, note.text ?? "", `/incidents/${id}`),
      note.ok ? 200 : 409,
    );
  });
  return app;
}

/** Commands need an account on GitHub, whose rights there are asked. */
export function mayCommand({ role }: Viewer, provider: string): boolean {
  return provider === "github" && roles.indexOf(role) >= roles.indexOf("responder");
}

/** What this person may ask for here and now. A weighty one asks for a fresh login first. */
export function actForms(incident: Incident, plan: { readonly hash: string } | undefined, token: string): Html {
  const form = (verb: (typeof verbs)[number], label: string, fields: Html = nothing) =>
    html`<form method="post" action="/incidents/${incident.id}/act" class="act"><input type="hidden" name="form" value="${token}"><input type="hidden" name="verb" value="${verb}">${fields}<button type="submit">${label}</button></form>`;
  const reason = (label: string) => html`<label>${label}<input type="text" name="text" required maxlength="500"></label>`;
  const { asked } = incident;
  if (incident.state === "resolved")
    return incident.resolution === "wont_fix"
      ? html`<section aria-labelledby="act"><h2 id="act">What you can do</h2>${form("decline", "End the exception", reason("Why"))}</section>`
      : nothing;
  const waiting =
    asked === undefined
      ? nothing
      : html`<p><bdi>${asked.by}</bdi> asks to accept the risk until ${asked.until.slice(0, 10)}: <bdi>${asked.reason}</bdi></p>
<div class="acts">${form("accept", "Agree, as a second person", html`<input type="hidden" name="hash" value="${askedHash(incident.id, asked)}">`)}${form("decline", "Say no", reason("Why"))}</div>`;
  const acknowledge = incident.clock.acknowledged === undefined ? form("acknowledge", "I look into it") : nothing;
  if (!isCredential(incident))
    return html`<section aria-labelledby="act"><h2 id="act">What you can do</h2>
${waiting}<div class="acts">${acknowledge}</div>
<details><summary>It is over</summary>
${form("resolve", "It is resolved", reason("Why"))}
${form("contain", "It is contained", reason("What stops it"))}
${form("false-positive", "It is a false alarm", reason("Why"))}
${form("accept", "Ask to accept the risk", html`${reason("Why")}<label>Until<input type="date" name="until" required></label>`)}
</details></section>`;
  const running = incident.run?.state === "running" || incident.run?.state === "held";
  return html`<section aria-labelledby="act"><h2 id="act">What you can do</h2>
${waiting}
<div class="acts">${
    plan === undefined || incident.run?.state === "running"
      ? nothing
      : form("rotate", "Rotate by this plan", html`<input type="hidden" name="hash" value="${plan.hash}">`)
  }${running ? form("cancel", "Cancel the rotation") : nothing}${form("verify", "Look whether it is dead")}${
    running ? nothing : form("contain", "Disable it for now")
  }${acknowledge}</div>
<details><summary>Revoked by hand, false positive, accepted risk</summary>
${form("revoked", "It was revoked by hand", reason("How"))}
${form("false-positive", "It is no credential", reason("Why"))}
${form("accept", "Ask to accept the risk", html`${reason("Why")}<label>Until<input type="date" name="until" required></label>`)}
</details></section>`;
}

function emptyLeftOut(form: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(form).filter(([, value]) => value !== ""));
}
