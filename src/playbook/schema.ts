import { z } from "zod";
import { ConfigError } from "../errors.ts";
import { parseStrictYaml } from "../strict-yaml.ts";
import { evaluate } from "./expression.ts";

/** What a step may use besides `<driver>/<verb>@1` and `<sink>/<verb>@1`. */
export const engineSteps = ["credential/recover", "sinks/promote", "consumers/converged", "proof/dead", "wait", "manual"] as const;
export const driverVerbs = ["issue", "disable", "revoke", "probe"] as const;

const step = z.strictObject({
  id: z.string().regex(/^[a-z][a-z0-9-]*$/, "expected lower-case words joined by -"),
  uses: z.string().regex(/^[a-z][a-z0-9-]*(\/[a-z-]+)?@1$/, "expected <driver>/<verb>@1, or one of the engine's steps with @1"),
  /** `${{ … }}` over mode, reversible, public: the step is left out of the plan where it is false. */
  if: z.string().optional(),
  /** For people: what happens, in a few words. */
  title: z.string().max(120),
  with: z.strictObject({ page: z.url().optional(), expect: z.enum(["alive", "dead"]).optional() }).default({}),
});

export const Playbook = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]*$/),
  version: z.number().int().positive(),
  match: z.strictObject({ credential: z.array(z.string()).min(1) }),
  policy: z.strictObject({ modes: z.array(z.enum(["graceful", "contain-first", "revoke-first"])).min(1) }),
  steps: z.array(step).min(1),
});

export type Playbook = z.output<typeof Playbook>;
export type PlaybookStep = z.output<typeof step>;

/** Throws ConfigError with the line of what does not fit the schema, or the first problem of `lint`. */
export function parsePlaybook(text: string, file: string): Playbook {
  const playbook = parseStrictYaml(text, file, Playbook);
  const [problem] = lint(playbook);
  if (problem !== undefined) {
    const line = text.split("\n").findIndex((candidate) => new RegExp(`\\bid: ${problem.step}\\b`).test(candidate));
    throw new ConfigError(problem.text, { file, line: line === -1 ? undefined : line + 1 });
  }
  return playbook;
}

/** What the schema cannot say: order, and what would be dangerous. */
export function lint(playbook: Playbook): { step: string; text: string }[] {
  const problems: { step: string; text: string }[] = [];
  const say = (step: PlaybookStep, text: string) => problems.push({ step: step.id, text: `step '${step.id}': ${text}` });
  const position = (uses: RegExp) => playbook.steps.findIndex((candidate) => uses.test(candidate.uses));
  const [issue, promote, gate, destroy] = [
    position(/\/issue@/),
    position(/^sinks\/promote@/),
    position(/^consumers\/converged@/),
    position(/\/revoke@/),
  ];
  const seen = new Set<string>();
  for (const [index, current] of playbook.steps.entries()) {
    const name = current.uses.replace(/@1$/, "");
    const verb = name.split("/")[1] ?? "";
    if (seen.has(current.id)) say(current, "this id is used twice");
    seen.add(current.id);
    const known = (engineSteps as readonly string[]).includes(name) || (driverVerbs as readonly string[]).includes(verb);
    if (!known) say(current, `'${current.uses}' is unknown; expected <driver>/${driverVerbs.join(" | ")}@1 or ${engineSteps.join(", ")}`);
    if (name === "manual" && current.with.page === undefined)
      say(current, "a manual step names the exact page (with: { page: https://… })");
    if (name === "proof/dead" && destroy === -1 && position(/^manual@/) === -1) say(current, "nothing before it ends the old credential");
    if (index === promote && (issue === -1 || issue > index)) say(current, "promotes before anything was issued");
    if (index === destroy && issue !== -1 && issue < index && (gate === -1 || gate > index))
      say(current, "revokes before the consumers are known to use the new credential; put consumers/converged@1 before it");
    if (current.if !== undefined) {
      try {
        evaluate(current.if, exampleScope);
      } catch (error) {
        say(current, `if: ${error instanceof Error ? error.message : "not an expression"}`);
      }
    }
  }
  return problems;
}

/** The names that `if` may use. */
export const exampleScope = { mode: "graceful", reversible: false, mints: true };
