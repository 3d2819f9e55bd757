import { html } from "hono/html";

/** A piece of HTML, escaped where it holds text. */
export type Html = ReturnType<typeof html>;

export const nothing: Html = html``;

const sections: readonly (readonly [path: string, title: string])[] = [
  ["/", "Overview"],
  ["/incidents", "Incidents"],
  ["/identities", "Identities"],
  ["/governance", "Governance"],
  ["/reviews", "Reviews"],
  ["/playbooks", "Playbooks"],
  ["/rollout", "Rollout"],
  ["/audit", "Audit"],
  ["/settings", "Settings"],
  ["/account", "Account"],
];

/** `here` is the path of the section that the page belongs to; a `live` page is fetched again every few seconds where scripts run. */
export function page(title: string, body: Html, { here, live = false }: { here?: string; live?: boolean } = {}): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Rekey</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/style.css">${
    live
      ? html`
<script src="/live.js" type="module"></script>`
      : nothing
  }
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top"><a class="brand" href="/">Rekey</a>
<nav aria-label="Sections"><ul>${sections.map(
    ([path, name]) => html`<li><a href="${path}"${path === here ? html` aria-current="page"` : nothing}>${name}</a></li>`,
  )}</ul></nav></header>
<main id="main" tabindex="-1">
${body}
</main>
</body>
</html>
`;
}

export function messagePage(title: string, text: string, back = "/"): Html {
  const where = back === "/" ? "Back to the overview" : "Back";
  return page(title, html`<h1>${title}</h1><p class="lead">${text}</p><p><a href="${back}">${where}</a></p>`);
}

/** A moment, in UTC for everybody. */
export function time(iso: string): Html {
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC</time>`;
}

export function join(parts: readonly Html[]): Html {
  return html`${parts}`;
}
