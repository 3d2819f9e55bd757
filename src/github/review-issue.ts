import { accessText, type Campaign, type Item, isDone } from "../governance/review.ts";
import { codeSpan, escapeMarkdown } from "./escape.ts";

/** GitHub takes 65,536 characters. */
const longest = 60_000;

export function reviewMarker(campaign: string): string {
  return `<!-- rekey:review ${campaign} -->`;
}

export function reviewTitle({ id, name, dueAt }: Campaign): string {
  return `Access review ${id}: ${name.replaceAll(/[\p{Cc}\p{Cf}]/gu, " ").slice(0, 150)} (until ${dueAt.slice(0, 10)})`;
}

/** The body of a campaign's issue: what to decide, by owner, and how. Written again with every decision. */
export function reviewBody(campaign: Campaign, items: readonly Item[]): string {
  const done = items.filter(({ state }) => isDone(state)).length;
  const lines = [
    reviewMarker(campaign.id),
    `${done} of ${items.length} decided and done. Until ${campaign.dueAt.slice(0, 10)}.`,
    "",
    'Decide in a comment, one at a time: `/rekey keep RI-… "reason"` or `/rekey deny RI-… "reason"`. A denial ends the credential, and its line is done when the credential was seen dead.',
  ];
  const owners = Map.groupBy(items, ({ snapshot }) => snapshot.identity.owner ?? "");
  let length = lines.join("\n").length;
  let left = 0;
  for (const [owner, own] of [...owners].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const heading = `\n### ${owner === "" ? "Nobody owns these: the security team decides" : mention(owner)}\n`;
    const rows = own.map(row);
    for (const line of [heading, ...rows]) {
      length += line.length + 1;
      if (length > longest) left += line === heading ? 0 : 1;
      else lines.push(line);
    }
  }
  if (left > 0) lines.push("", `and ${left} more: \`rekey review show ${campaign.id}\``);
  return lines.join("\n");
}

/** Only what is a GitHub name notifies somebody. */
function mention(owner: string): string {
  return /^@[\w-]+(\/[\w.-]+)?$/.test(owner) ? owner : escapeMarkdown(owner);
}

function row({ id, state, snapshot, hash, applied }: Item): string {
  const { identity, access, permissions, lifetime, lastUsed } = snapshot;
  const facts = [
    lifetime === "unknown" ? "" : lifetime,
    permissions.length === 0 ? "" : `reaches ${permissions.slice(0, 5).map(escapeMarkdown).join(", ")}`,
    `last used ${lastUsed === undefined ? "unknown" : lastUsed.slice(0, 10)}`,
    `snapshot \`${hash}\``,
  ].filter((fact) => fact !== "");
  const what = access.kind === "identity" ? accessText(access) : codeSpan(accessText(access));
  const said = state === "open" ? "" : ` **${words[state]}**${state === "denied" && applied !== undefined ? `: ${applied.sentence}` : ""}`;
  return `- [${isDone(state) ? "x" : " "}] **${id}** ${identity.kind} ${escapeMarkdown(identity.name)}: ${what} (${facts.join("; ")})${said}`;
}

const words = {
  "second-needed": "a second person must agree",
  kept: "kept",
  denied: "denied, not seen dead yet",
  verified: "denied and gone",
} as const;
