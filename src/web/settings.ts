import { Hono } from "hono";
import { html } from "hono/html";
import { type Html, join, messagePage, nothing, page, time } from "./layout.ts";
import { viewerOf } from "./viewer.ts";

/** Parts of the configuration as they are now; the pipeline gives them. Never a credential or where one stands. */
export interface SettingsPart {
  readonly title: string;
  readonly checks: readonly {
    readonly what: string;
    readonly state: "ok" | "warning" | "failed";
    readonly says: string;
    readonly hint?: string;
  }[];
}

/** What is configured and what needs something, for who sees everything: it names hosts and stores. */
export function settingsRoutes({ settings, now }: { settings: () => Promise<readonly SettingsPart[]>; now: () => string }): Hono {
  const app = new Hono();
  app.get("/settings", async (context) => {
    const { role } = viewerOf(context);
    if (role !== "lead" && role !== "admin")
      return context.html(
        messagePage(
          "Not for you",
          "The settings are for the security team and owners of the organisation: they name hosts and secret managers.",
        ),
        403,
      );
    return context.html(settingsPage(await settings(), now()));
  });
  app.get("/api/v1/settings", async (context) => {
    const { role } = viewerOf(context);
    if (role !== "lead" && role !== "admin") return context.json({ error: "the settings are for the security team" }, 403);
    return context.json({ version: 1, parts: await settings() });
  });
  return app;
}

const signs = { ok: ["dead", "✓", "set"], warning: ["unknown", "?", "needs something"], failed: ["alive", "▲", "wrong"] } as const;

function settingsPage(parts: readonly SettingsPart[], now: string): Html {
  const needing = parts.flatMap(({ checks }) => checks).filter(({ state }) => state !== "ok").length;
  return page(
    "Settings",
    join([
      html`<h1>${needing === 0 ? "Everything is set" : `${needing} ${needing === 1 ? "setting needs" : "settings need"} something`}</h1>
<p class="lead">As <code>rekey.yml</code> has it and as it works now; nothing is changed from here. <code>rekey doctor</code> looks deeper.</p>`,
      ...parts.map(
        ({ title, checks }, index) =>
          html`<section aria-labelledby="part-${index}"><h2 id="part-${index}">${title}</h2><ul class="incidents">${checks.map(
            ({ what, state, says, hint }) => {
              const [kind, sign, word] = signs[state];
              return html`<li><div class="what"><span class="name"><bdi>${what}</bdi></span>
<p class="who"><bdi>${says}</bdi></p>${hint === undefined ? nothing : html`<p class="where"><bdi>${hint}</bdi></p>`}</div>
<div class="state"><span class="badge ${kind}"><span aria-hidden="true">${sign}</span> ${word}</span></div></li>`;
            },
          )}</ul></section>`,
      ),
      html`<footer>As of ${time(now)}. <a href="/api/v1/settings">This page as JSON</a>.</footer>`,
    ]),
    { here: "/settings" },
  );
}
