import type { Manifest } from "../driver.ts";
import { evaluate, namesIn } from "./expression.ts";
import type { Playbook, PlaybookStep } from "./schema.ts";
import { driverVerbs, durationOf, engineSteps, knownDrivers, type StepField, stepKind } from "./step-fields.ts";

export interface LintProblem {
  /** Id of the step; empty = the playbook as a whole. */
  readonly step: string;
  readonly text: string;
}

/** What the schema cannot say: order, what would be dangerous, and where a secret may stand. */
export function lint(playbook: Playbook, manifests?: readonly Manifest[]): LintProblem[] {
  const known = manifests === undefined ? undefined : knownDrivers(manifests);
  return [
    ...policyProblems(playbook),
    ...cycles(playbook),
    ...playbook.steps.flatMap((step, index) => stepProblems(playbook, step, index, known)),
    ...orderProblems(playbook),
  ];
}

/** The names that expressions may use. */
export const exampleScope = {
  mode: "graceful",
  reversible: false,
  mints: true,
  public: false,
  alive: false,
  environment: "production",
  usage: "cannot-be-known",
};

function policyProblems({ policy, inputs }: Playbook): LintProblem[] {
  const say = (text: string) => [{ step: "", text: `policy: ${text}` }];
  if (policy.escalate === undefined) return [];
  if (!policy.modes.includes(policy.escalate.to)) return say(`escalate.to '${policy.escalate.to}' is not one of its modes`);
  const problem = expressionProblem(policy.escalate.when, inputs);
  return problem === undefined ? [] : say(`escalate.when: ${problem}`);
}

/** Steps run in their order; one that needs a later one can never start, and two that need each other even less. */
function cycles({ steps }: Playbook): LintProblem[] {
  const needs = new Map(steps.map((step) => [step.id, textsOf(step).flatMap(([, text]) => stepsNamedIn(text))]));
  const problems: LintProblem[] = [];
  for (const [index, step] of steps.entries()) {
    const path = pathBack(step.id, needs);
    if (path !== undefined) {
      problems.push({ step: step.id, text: `step '${step.id}': needs itself: ${path.join(" → ")}` });
      continue;
    }
    for (const other of needs.get(step.id) ?? []) {
      const at = steps.findIndex(({ id }) => id === other);
      if (at === -1) problems.push({ step: step.id, text: `step '${step.id}': there is no step '${other}'` });
      else if (at > index) problems.push({ step: step.id, text: `step '${step.id}': needs '${other}', which comes after it` });
    }
  }
  return problems;
}

function pathBack(start: string, needs: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const seen = new Set<string>();
  const walk = (id: string, path: string[]): string[] | undefined => {
    for (const next of needs.get(id) ?? []) {
      if (next === start) return [...path, next];
      if (seen.has(next)) continue;
      seen.add(next);
      const found = walk(next, [...path, next]);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return walk(start, [start]);
}

function stepProblems(
  playbook: Playbook,
  step: PlaybookStep,
  index: number,
  known: ReadonlyMap<string, ReadonlySet<string>> | undefined,
): LintProblem[] {
  const problems: LintProblem[] = [];
  const say = (text: string) => problems.push({ step: step.id, text: `step '${step.id}': ${text}` });
  if (playbook.steps.findIndex(({ id }) => id === step.id) !== index) say("this id is used twice");
  const kind = stepKind(step.uses);
  if (kind === undefined) {
    const expected = `<driver>/${Object.keys(driverVerbs).join(" | ")}@1 or ${Object.keys(engineSteps).join(", ")}`;
    say(`'${step.uses}' is unknown; expected ${expected}`);
    return problems;
  }
  if (kind.of === "driver" && known !== undefined) {
    const verbs = known.get(kind.driver);
    if (verbs === undefined) say(`there is no driver '${kind.driver}'; expected one of ${[...known.keys()].sort().join(", ")}`);
    else if (!verbs.has(kind.verb))
      say(`the driver '${kind.driver}' cannot ${kind.verb}, it can ${[...verbs].sort().join(", ")}; a manual step names the page`);
  }
  for (const [name, text] of textsOf(step)) {
    const field = name === "if" || name === "title" ? undefined : kind.fields[name];
    if (name !== "if" && name !== "title" && field === undefined) {
      say(`with.${name}: '${step.uses}' takes ${Object.keys(kind.fields).join(", ") || "nothing"}`);
      continue;
    }
    const problem = fieldProblem(playbook, name, text, field);
    if (problem !== undefined) say(problem);
  }
  for (const [name, field] of Object.entries(kind.fields)) {
    if (field.required === true && step.with[name] === undefined)
      say(name === "page" ? "a manual step names the exact page (with: { page: https://… })" : `with.${name} is missing`);
  }
  return problems;
}

function fieldProblem(playbook: Playbook, name: string, text: string, field: StepField | undefined): string | undefined {
  const where = name === "if" || name === "title" ? name : `with.${name}`;
  if (text.includes("${{") && namesIn(text).some((used) => used.endsWith(".secret"))) {
    if (field?.kind !== "secret") return `${where}: a secret may not stand here, since it would be shown or logged`;
    const id = stepsNamedIn(text)[0] ?? "";
    const source = playbook.steps.find((step) => step.id === id);
    if (source === undefined) return undefined; // said by `cycles`
    return /^\s*\$\{\{\s*steps\.[a-z][a-z0-9-]*\.secret\s*\}\}\s*$/.test(text) && makesSecret(source)
      ? undefined
      : `${where}: expected \${{ steps.ID.secret }} of a step that recovers, issues or rolls`;
  }
  if (field?.kind === "secret") return `${where}: expected \${{ steps.ID.secret }}`;
  if (field?.kind === "duration" && durationOf(text) === undefined) return `${where}: expected a duration such as 30s, 15m or 24h`;
  if (field?.kind === "count" && !/^([3-9]|1\d|20)$/.test(text)) return `${where}: expected a number from 3 to 20`;
  if (field?.kind === "alive | dead" && text !== "alive" && text !== "dead") return `${where}: expected alive or dead`;
  if (field?.kind === "page" && !/^https:\/\/[^/$\s]+/.test(text)) return `${where}: expected a page, https://…`;
  for (const [, part = ""] of text.matchAll(/(\$\{\{[\s\S]*?\}\})/g)) {
    const problem = expressionProblem(part, playbook.inputs);
    if (problem !== undefined) return `${where}: ${problem}`;
  }
  return undefined;
}

function expressionProblem(text: string, inputs: Playbook["inputs"]): string | undefined {
  const missing = namesIn(text).find((name) => name.startsWith("inputs.") && !Object.hasOwn(inputs, name.slice("inputs.".length)));
  if (missing !== undefined) return `'${missing}' is not declared in inputs`;
  try {
    evaluate(text, { ...exampleScope, inputs: Object.fromEntries(Object.keys(inputs).map((name) => [name, ""])) });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : "not an expression";
  }
}

function orderProblems({ steps }: Playbook): LintProblem[] {
  const problems: LintProblem[] = [];
  const position = (uses: RegExp) => steps.findIndex((candidate) => uses.test(candidate.uses));
  const [make, promote, gate] = [position(/\/(issue|roll)@/), position(/^sinks\/promote@/), position(/^consumers\/converged@/)];
  const destroy = position(/\/revoke@/);
  const say = (index: number, text: string) => {
    const id = steps[index]?.id ?? "";
    problems.push({ step: id, text: `step '${id}': ${text}` });
  };
  const proof = position(/^proof\/dead@/);
  if (proof !== -1 && destroy === -1 && position(/^manual@/) === -1 && position(/\/roll@/) === -1)
    say(proof, "nothing before it ends the old credential");
  if (promote !== -1 && (make === -1 || make > promote)) say(promote, "promotes before anything was issued");
  if (destroy !== -1 && make !== -1 && make < destroy && (gate === -1 || gate > destroy))
    say(destroy, "revokes before the consumers are known to use the new credential; put consumers/converged@1 before it");
  return problems;
}

/** Everything of a step in which an expression may stand. */
function textsOf(step: PlaybookStep): [string, string][] {
  return [
    ["title", step.title],
    ...(step.if === undefined ? [] : [["if", step.if] as [string, string]]),
    ...Object.entries(step.with).map(([name, value]): [string, string] => [name, String(value)]),
  ];
}

function stepsNamedIn(text: string): string[] {
  return namesIn(text).flatMap((name) => /^steps\.([a-z][a-z0-9-]*)/.exec(name)?.[1] ?? []);
}

function makesSecret({ uses }: PlaybookStep): boolean {
  return /^credential\/recover@|\/(issue|roll)@/.test(uses);
}
