import { formatDuration } from "../metric/duration.ts";
import { ageOf } from "../metric/summary.ts";
import type { WeekReport } from "../metric/week-report.ts";
import { headline, medianSentence } from "../report/metrics-text.ts";
import { escapeMarkdown } from "./escape.ts";

const shown = 20;

/** Stands first in the issue, so that it is found again after a lost answer. */
export function weekMarker(monday: string): string {
  return `<!-- rekey:week ${monday} -->`;
}

export function weekTitle({ week }: WeekReport): string {
  return `Leaked credentials, week of ${week.monday}`;
}

/** The week as an issue. Names are escaped, and nobody is mentioned: it is read, not answered. */
export function weekBody(report: WeekReport, dashboard?: string): string {
  const { week, before, summary, overdue, held, again, owners } = report;
  const usual = before.length === 0 ? 0 : Math.round(before.reduce((sum, { detected }) => sum + detected, 0) / before.length);
  const link = (id: string) => (dashboard === undefined ? id : `[${id}](${dashboard}/incidents/${id})`);
  const blocks = [
    weekMarker(week.monday),
    `**${escapeMarkdown(headline(summary))}**`,
    `${week.detected} new ${week.detected === 1 ? "leak" : "leaks"} (in the four weeks before about ${usual} a week), ${week.dead} of them proven dead by now${week.median === undefined ? "" : `, half within ${formatDuration(week.median)}`}. ${week.closed} closed, ${week.openAtEnd} open at its end.`,
    `Median time to remediate of all new leaks: ${medianSentence(summary.remediation)}.`,
    ...list(
      "Past the time allowed",
      overdue.map(
        (incident) =>
          `${link(incident.id)} ${escapeMarkdown(incident.credential.title)}, open for ${formatDuration(ageOf(incident, summary.at))}, ${who(incident.owner)}`,
      ),
    ),
    ...list(
      "Rotations that wait for a person",
      held.map(
        ({ id, credential, run, owner }) =>
          `${link(id)} ${escapeMarkdown(credential.title)}: ${escapeMarkdown(run?.code ?? "no reason was kept")}, ${who(owner)}`,
      ),
    ),
    ...list(
      "AI identities that leaked again",
      again.map(({ name, again: times, open }) => `${escapeMarkdown(name)}: ${times} more ${times === 1 ? "time" : "times"}, ${open} open`),
    ),
    ...list(
      "Open by owner",
      owners.map(({ name, open, live, overdue: late }) => `${escapeMarkdown(name)}: ${open} open, ${live} alive, ${late} past their time`),
    ),
  ];
  return blocks.join("\n\n").slice(0, 60_000);
}

function list(title: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  const more = lines.length > shown ? [`- and ${lines.length - shown} more`] : [];
  return [`### ${title}`, [...lines.slice(0, shown).map((line) => `- ${line}`), ...more].join("\n")];
}

function who(owner: string | undefined): string {
  return owner === undefined ? "nobody owns it" : `owner ${escapeMarkdown(owner)}`;
}
