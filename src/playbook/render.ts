import { forTerminal as printable } from "../identity/escape.ts";
import type { Plan, PlannedSink, PlanStep, SinkAbility } from "./plan.ts";
import { trackRecordLines } from "./track-record.ts";

/** The dry run for a terminal: what would happen, who must agree, and from where there is no way back. */
export function renderPlan(plan: Plan): string {
  const { facts } = plan;
  const lines = [
    `Plan ${plan.hash} for ${facts.incident}: ${facts.credential.title}`,
    `  playbook   ${plan.playbook.name} version ${plan.playbook.version}, mode ${facts.mode}`,
    `  identity   ${facts.identity === undefined ? "unknown" : `${facts.identity.kind} ${printable(facts.identity.name)} (${facts.identity.environment})${facts.identity.owner === undefined ? "" : `, owner ${printable(facts.identity.owner)}`}`}`,
    `  stored in  ${facts.sinks.map(sinkText).join(", ") || "nobody said"}`,
    `  consumers  ${typeof facts.consumers === "string" ? facts.consumers : facts.consumers.map(({ name, report }) => `${printable(name)} (${report})`).join(", ")}`,
    `  old value  ${facts.quarantine === undefined ? "read again from where it leaked; if that goes and no store has it, its death cannot be proven" : `kept at ${printable(facts.quarantine)} until its death is proven`}`,
    "",
    ...plan.steps.flatMap((step, index) => stepLines(plan, step, index)),
    "",
    `  approval   ${plan.approvals.map(({ from, why }) => `${from.replaceAll("-", " ")} (${why})`).join(", ")}`,
    ...(plan.record === undefined
      ? []
      : trackRecordLines(plan.record).map((line, index) => `  ${index === 0 ? "record" : "      "}     ${line}`)),
    ...(plan.facts.usage === undefined ? [] : [`  used by    ${printable(plan.facts.usage.sentence)}`]),
    ...(plan.advice === undefined ? [] : [`  for good   ${plan.advice}`]),
    ...(plan.blockers.length === 0 ? [] : [`  blocked by ${plan.blockers.join("\n             ")}`]),
  ];
  return `${lines.join("\n")}\n`;
}

function sinkText({ connection, path, field, companions = {}, format, lacks = [], notes = [], refresh, staging }: PlannedSink): string {
  if (staging === true) return printable(`${connection} (where the new value waits while the run goes on)`);
  if (refresh === true) return printable(`${connection}:${path} (copied again from its source)`);
  const also = Object.entries(companions).map(([name, its]) => `${name} in ${its}`);
  const remarks = [
    ...(format === "url" ? ["the password of its URL"] : []),
    ...also,
    ...lacks.map((ability) => lackText[ability]),
    ...notes,
  ];
  return printable(
    `${connection}:${path}${field === undefined ? "" : `#${field}`}${remarks.length === 0 ? "" : ` (${remarks.join("; ")})`}`,
  );
}

/** What a person approves with a sink that lacks something. */
const lackText: Record<SinkAbility, string> = {
  pending: "written only when it becomes current",
  cas: "overwrites what somebody else wrote meanwhile",
  readBack: "cannot be read back",
  undo: "undone only by writing the old value again, where it can still be read",
};

function stepLines(plan: Plan, step: PlanStep, index: number): string[] {
  const mark = step.id === plan.pointOfNoReturn ? ["  --- no way back from here ---"] : [];
  const manual =
    step.manual === undefined
      ? ""
      : `  by hand: ${step.manual.page}${step.manual.instead === undefined ? "" : ` (automatic with ${step.manual.instead})`}`;
  return [...mark, `  ${String(index + 1).padStart(2)}. ${step.title}  [${step.effect}]${manual}`];
}
