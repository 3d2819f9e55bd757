import { z } from "zod";
import { parseStrictYaml } from "../strict-yaml.ts";

/** Where a repository says who owns its controls. */
export const controlsPath = ".rekey/controls.yml";

/** When a control works: before a change is live, while agents run, and once something has happened. */
export const phases = ["build", "runtime", "incident-response"] as const;
export type Phase = (typeof phases)[number];

/** What every organisation that runs agents has somebody for, or says why not. */
export const neededControls = ["ai-red-teaming", "runtime-monitoring", "policy-enforcement"] as const;

const owner = z
  .string()
  .regex(/^(@[\w.-]+(\/[\w.-]+)?|[^\s@]+@[^\s@]+\.[^\s@]+)$/, "expected @login, @org/team or an e-mail address")
  .max(200);

const Cell = z.union([
  z.strictObject({ owner, /** Who acts where the owner cannot. */ backup: owner.optional() }),
  /** Nobody, on purpose: the reason. */
  z.strictObject({ none: z.string().min(1).max(500) }),
]);

/** `.rekey/controls.yml`, or the file that `governance.controls` of `rekey.yml` names: who owns which control in which phase. */
export const ControlsFile = z.strictObject({
  version: z.literal(1),
  controls: z.record(
    z.string().regex(/^[a-z][a-z0-9-]{1,59}$/, "expected a control's name in lower-kebab-case, such as ai-red-teaming"),
    z.strictObject({ build: Cell.optional(), runtime: Cell.optional(), "incident-response": Cell.optional() }),
  ),
});
export type ControlsFile = z.output<typeof ControlsFile>;

/** Throws ConfigError with file, line and column. */
export function parseControls(text: string, file: string = controlsPath): ControlsFile {
  return parseStrictYaml(text, file, ControlsFile);
}

export interface ControlCell {
  readonly control: string;
  readonly phase: Phase;
  readonly owner?: string | undefined;
  readonly backup?: string | undefined;
  /** Why nobody owns it. */
  readonly none?: string | undefined;
}

/** Every needed control and every further one that is written down, in each phase. A further one is asked for the phases that it names. */
export function controlCells(file: ControlsFile | undefined): ControlCell[] {
  const written = file?.controls ?? {};
  const names = [...new Set([...neededControls, ...Object.keys(written)])];
  return names.flatMap((control) =>
    phases
      .filter((phase) => isNeeded(control) || written[control]?.[phase] !== undefined)
      .map((phase) => ({ control, phase, ...written[control]?.[phase] })),
  );
}

export interface ControlGap {
  readonly control: string;
  readonly phase: Phase;
  readonly gap: "no-owner" | "no-backup";
  readonly sentence: string;
}

/** A control without an owner in a phase, and one that hangs on a single person (a team needs no backup). */
export function controlGaps(file: ControlsFile | undefined): ControlGap[] {
  return controlCells(file).flatMap(({ control, phase, owner: whose, backup, none }): ControlGap[] => {
    if (none !== undefined) return [];
    if (whose === undefined) return [{ control, phase, gap: "no-owner", sentence: `nobody owns ${control} at ${phase}` }];
    if (backup !== undefined || isTeam(whose)) return [];
    return [{ control, phase, gap: "no-backup", sentence: `${control} at ${phase} hangs on ${whose} alone: name a backup or a team` }];
  });
}

function isNeeded(control: string): boolean {
  return (neededControls as readonly string[]).includes(control);
}

function isTeam(name: string): boolean {
  return name.startsWith("@") && name.includes("/");
}
