import { verbs } from "./command.ts";
import { codeSpan, escapeMarkdown } from "./escape.ts";
import { orderLines } from "./order.ts";
import type { IncidentState, IncidentView, PullRequestView } from "./view.ts";

export const marker = (number: number) => `<!-- rekey:v1 pr=${number} -->`;

const stateWords: Readonly<Record<IncidentState, string>> = {
  live: "live",
  unverified: "not verified",
  rotating: "rotating",
  held: "waits for a person",
  dead: "verified dead",
  "dead-when-found": "inactive when found",
  stated: "revoked by statement, not proven",
  accepted: "accepted",
  "false-positive": "false positive",
};

const open: readonly IncidentState[] = ["live", "unverified", "rotating", "held"];

export function isOpen(incident: IncidentView): boolean {
  return open.includes(incident.state);
}

/**
 * Whether the check alone speaks: nothing but findings of low confidence, which never block, none of them seen alive. Many of those are
 * no credentials, and whoever is told of them in the conversation soon reads none of it.
 */
export function isQuiet({ incidents, note }: PullRequestView): boolean {
  const isTold = ({ confidence, validity, state }: IncidentView) =>
    confidence !== "low" || validity === "active" || state === "rotating" || state === "held";
  return note === undefined && !incidents.some(isTold);
}

/** The one comment of a pull request, edited in place. Undefined where there never was a finding. */
export function renderComment(view: PullRequestView): string | undefined {
  if (view.incidents.length === 0) return view.note === undefined ? undefined : `${marker(view.number)}\n### Rekey\n\n${view.note}\n`;
  const count = view.incidents.filter(isOpen).length;
  const heading = count === 0 ? "nothing left to do" : `${count} ${count === 1 ? "credential needs" : "credentials need"} rotation`;
  const parts = [
    marker(view.number),
    `### Rekey: ${heading}`,
    "",
    ...(view.disclosure === "full" ? fullTable(view) : quietTable(view)),
    "",
    ...(count === 0
      ? []
      : [
          "Deleting the line or force-pushing does not end the exposure. The check turns green when the old credential is verified dead.",
          "",
        ]),
    ...(view.disclosure === "full" ? orderLines(view.incidents) : []),
    ...(view.complete ? [] : [`**Not fully scanned:** ${escapeMarkdown(view.reason ?? "unknown reason")}`, ""]),
    ...(view.note === undefined ? [] : [view.note, ""]),
    ...(view.disclosure === "full" ? view.incidents.flatMap(details) : []),
    commandHelp(),
  ];
  return `${parts.join("\n").slice(0, 60_000)}\n`;
}

function fullTable({ incidents }: PullRequestView): string[] {
  return [
    "| | Credential | Belongs to | Where | State |",
    "|---|---|---|---|---|",
    ...incidents.map(
      (incident) =>
        `| ${incident.id} | ${escapeMarkdown(incident.title)} | ${whose(incident)} | ${place(incident)} | ${stateCell(incident)} |`,
    ),
  ];
}

/** For public repositories: that there is something, nothing about whether it works or whose it is. */
function quietTable({ incidents }: PullRequestView): string[] {
  return [
    "| | Credential | Where |",
    "|---|---|---|",
    ...incidents.map((incident) => `| ${incident.id} | ${escapeMarkdown(incident.title)} | ${place(incident)} |`),
    "",
    "The owners were told.",
  ];
}

function whose({ identity }: IncidentView): string {
  if (identity === undefined) return "unknown";
  const environment = identity.environment === undefined ? "" : ` (${escapeMarkdown(identity.environment)})`;
  return `${identity.kind} **${escapeMarkdown(identity.name)}**${environment}${identity.owner === undefined ? "" : `, owner ${codeSpan(identity.owner)}`}`;
}

function place({ path, line, commit }: IncidentView): string {
  const where = path === undefined ? "commit message" : codeSpan(`${path}${line === undefined ? "" : `:${line}`}`);
  return commit === undefined ? where : `${where} (${commit.slice(0, 7)})`;
}

function stateCell(incident: IncidentView): string {
  const word = stateWords[incident.state];
  if (incident.state === "dead" && incident.deadAt !== undefined)
    return `**${word}** ${time(incident.deadAt)}, exposed ${span(incident.exposedAt, incident.deadAt)}`;
  return `**${word}**`;
}

function details(incident: IncidentView): string[] {
  const lines: string[] = [];
  if (incident.silenceRequested !== undefined && isOpen(incident))
    lines.push(
      `**${incident.id}:** this pull request asks to silence it (${incident.silenceRequested}). That is a request: somebody of the security team says \`/rekey false-positive ${incident.id} "reason"\` or \`/rekey accept ${incident.id} "reason" --until YYYY-MM-DD\`${incident.validity === "active" ? "; a key that was seen alive is never silenced" : ""}.`,
      "",
    );
  if (incident.note !== undefined) lines.push(`**${incident.id}:** ${incident.note}`, "");
  if (incident.run !== undefined && !["dead", "dead-when-found"].includes(incident.state)) {
    lines.push(
      `**${incident.id}, rotation:** ${incident.run.state}${incident.run.message === undefined ? "" : `. ${escapeMarkdown(incident.run.message)}`}`,
      "",
      ...incident.run.steps.map(({ title, done }) => `- [${done ? "x" : " "}] ${escapeMarkdown(title)}`),
      "",
    );
  }
  if (incident.statement !== undefined)
    lines.push(`**${incident.id}:** ${codeSpan(incident.statement.by)} says it was revoked: ${escapeMarkdown(incident.statement.how)}`, "");
  const { asked } = incident;
  if (asked !== undefined)
    lines.push(
      `**${incident.id}:** ${codeSpan(asked.by)} asks to accept the risk until ${asked.until.slice(0, 10)}: ${escapeMarkdown(asked.reason)}. Another person, of the security team, agrees with \`/rekey accept ${incident.id} ${asked.hash}\` or says no with \`/rekey decline ${incident.id} "reason"\`.`,
      "",
    );
  if (incident.reason !== undefined) lines.push(`**${incident.id}:** ${escapeMarkdown(incident.reason)}`, "");
  if (incident.state === "dead" && incident.stored !== undefined) lines.push(...fetchLines(incident.id, incident.stored));
  if (isOpen(incident) && incident.run === undefined) lines.push(...planLines(incident));
  if (incident.evidence.length > 0)
    lines.push(
      `<details><summary>${incident.id}: why we think so</summary>`,
      "",
      ...incident.evidence.slice(0, 8).map((text) => `- ${escapeMarkdown(text)}`),
      "",
      "</details>",
      "",
    );
  return lines;
}

function fetchLines(id: string, stored: NonNullable<IncidentView["stored"]>): string[] {
  const places = stored.map(({ connection, path, field, command }) => {
    const where = `${codeSpan(`${connection}:${path}`)}${field === undefined ? "" : `, field ${codeSpan(field)}`}`;
    return command === undefined ? where : `${where} (${codeSpan(command)})`;
  });
  return places.length === 0 ? [] : [`**${id}:** The new value is in ${places.join("; and in ")}.`, ""];
}

function planLines(incident: IncidentView): string[] {
  const { plan, id } = incident;
  const byHand = incident.revoke.startsWith("https://")
    ? `Revoke it by hand at ${incident.revoke}, then comment \`/rekey verify ${id}\``
    : `By hand: ${escapeMarkdown(incident.revoke.replace(/^none: /, ""))}, then comment \`/rekey revoked ${id} "how"\``;
  if (plan === undefined) return [`**${id}:** ${byHand}.`, ""];
  const runnable = plan.blockers.length === 0;
  const point = plan.pointOfNoReturn;
  return [
    `<details${runnable ? " open" : ""}><summary>${id}: plan \`${plan.hash}\` (dry run, ${plan.playbook.name} version ${plan.playbook.version}, ${plan.facts.mode})</summary>`,
    "",
    ...plan.steps.map(
      (step, index) =>
        `${index + 1}. ${escapeMarkdown(step.title)}${step.manual === undefined ? "" : ` — by hand: ${step.manual.page}`}${step.id === point ? " — **no way back from here**" : ""}`,
    ),
    "",
    `Stored in: ${plan.facts.sinks.map((sink) => codeSpan(`${sink.connection}:${sink.path}`)).join(", ") || "nobody said"}. Consumers: ${typeof plan.facts.consumers === "string" ? plan.facts.consumers : plan.facts.consumers.map(({ name }) => escapeMarkdown(name)).join(", ")}.`,
    `Approval: ${plan.approvals.map(({ from }) => from.replaceAll("-", " ")).join(" and ")}${incident.approvals.length === 0 ? "" : ` (given by ${incident.approvals.map(codeSpan).join(", ")})`}.`,
    ...(plan.facts.usage?.answer === "unknown-use" ? [`**Use:** ${escapeMarkdown(plan.facts.usage.sentence)}`] : []),
    ...(runnable
      ? ["", `- [ ] <!-- rekey:rotate ${id} ${plan.hash} --> Rotate now, or comment \`/rekey rotate ${id}\``]
      : ["", `This plan cannot run by itself: ${plan.blockers.map(escapeMarkdown).join("; ")}.`]),
    "",
    `${byHand}.`,
    ...(plan.advice === undefined ? [] : ["", `For good: ${plan.advice}`]),
    "",
    "</details>",
    "",
  ];
}

function commandHelp(): string {
  const rows = Object.entries(verbs).map(([verb, text]) => `- \`/rekey ${verb}\`: ${text}`);
  return ["<details><summary>Commands</summary>", "", ...rows, "", "</details>"].join("\n");
}

function time(iso: string): string {
  return `${iso.slice(0, 19).replace("T", " ")} UTC`;
}

/** `21 min`, `3 h 5 min`, `45 s`. */
export function span(from: string, to: string): string {
  const seconds = Math.max(0, Math.round((Date.parse(to) - Date.parse(from)) / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
