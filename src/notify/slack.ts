import { pinOf, request } from "../http.ts";
import type { Secret } from "../secret.ts";
import type { Message } from "./message.ts";
import { NotTakenError, type Target } from "./target.ts";

/** An incoming webhook of Slack. Its address is a secret of its own: it is never logged, and no error names it. */
export function slackTarget({ name, url }: { name: string; url: Secret }): Target {
  return {
    name,
    async send(message) {
      const answer = await request({
        method: "POST",
        url: url.reveal(),
        headers: { "content-type": "application/json" },
        body: JSON.stringify(slackBody(message)),
        pins: [pinOf(url.reveal())],
        timeout: 15_000,
      });
      if (answer.status !== 200) throw new NotTakenError(name, answer);
      return undefined;
    },
  };
}

const marks: Readonly<Record<string, string>> = {
  opened: "●",
  live: "●",
  held: "◆",
  dead: "✓",
  resolved: "✓",
  reopened: "●",
  overdue: "◆",
};

/** A line, and the facts under it. Everything that a stranger could have written is escaped: no link, no mention, no markup. */
export function slackBody({ topic, sentence, incident }: Message): object {
  const facts = [
    `Severity ${incident.severity}`,
    ...(incident.kind === "leaked-credential"
      ? [incident.validity === "active" ? "alive" : incident.validity === "inactive" ? "refused by its vendor" : "not known whether alive"]
      : []),
    ...(incident.environment === undefined ? [] : [incident.environment]),
  ].map(escaped);
  const link = incident.url === undefined ? [] : [`<${incident.url}|Open in Rekey>`];
  return {
    text: `${marks[topic] ?? "·"} ${escaped(sentence)}`,
    mrkdwn: true,
    link_names: false,
    unfurl_links: false,
    blocks: [
      { type: "section", text: { type: "mrkdwn", text: `${marks[topic] ?? "·"} ${escaped(sentence)}`.slice(0, 2900) } },
      { type: "context", elements: [{ type: "mrkdwn", text: [...facts, ...link].join(" · ").slice(0, 2900) }] },
    ],
  };
}

/** Slack's three escapes, and its marks of style made harmless (docs.slack.dev, "Formatting message text"). */
function escaped(text: string): string {
  return text
    .replaceAll(/\s+/g, " ")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll(/([*_~`])/g, "\u200b$1\u200b")
    .replaceAll("@", "@\u200b");
}
