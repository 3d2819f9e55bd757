import { html } from "hono/html";
import { type Html, join, nothing, page } from "./layout.ts";
import type { Session } from "./login/session.ts";
import type { Viewer } from "./viewer.ts";

const meaning: Readonly<Record<string, string>> = {
  viewer: "reads what is found in these repositories",
  responder: "reads, and commands where GitHub lets them write",
  lead: "decides on false positives and accepted risks",
  admin: "owns the organisation",
};

/** Who looks, what they may see and do, and the way out. */
export function accountPage(viewer: Viewer, session: Session | undefined, formToken: string | undefined): Html {
  const { name, role, repositories } = viewer;
  return page(
    "Account",
    join([
      html`<h1><bdi>${name}</bdi></h1>`,
      html`<p class="lead">${role}: ${meaning[role] ?? ""}. ${
        repositories === "all"
          ? "Sees every repository."
          : `Sees ${repositories.size} ${repositories.size === 1 ? "repository" : "repositories"}.`
      }</p>`,
      session === undefined || formToken === undefined
        ? html`<p class="note">There is no login here: whoever reaches this page is the operator and changes nothing from it.</p>`
        : html`<form method="post" action="/logout"><input type="hidden" name="form" value="${formToken}"><button type="submit">Log out</button></form>
${session.fresh ? nothing : html`<p class="note">To rotate or to accept a risk you are asked to log in again.</p>`}`,
    ]),
    { here: "/account" },
  );
}
