import { loadPlaybooks } from "../../src/config/playbooks.ts";
import type { Manifest } from "../../src/driver.ts";
import type { Mode, Playbook } from "../../src/playbook/schema.ts";
import { drivers } from "../../src/provider/index.ts";
import type { Run } from "../../src/rotation/journal.ts";
import { type Fault, type JournalUnderTest, kinds, type Simulation, simulate } from "./simulation.ts";

export interface Case {
  readonly playbook: Playbook;
  readonly manifest: Manifest;
  readonly mode: Mode;
}

/** Every built-in playbook in every mode that it has, with the manifest of the driver that it names. */
export function cases(): Case[] {
  return loadPlaybooks().flatMap((playbook) => {
    const manifest = manifestOf(playbook);
    return manifest === undefined ? [] : playbook.policy.modes.map((mode) => ({ playbook, manifest, mode }));
  });
}

/** The same playbook on a real provider takes minutes of propagation; the simulation's clock does not care. */
function manifestOf({ steps, match }: Playbook): Manifest | undefined {
  const families = steps.flatMap(({ uses }) => /^([a-z0-9-]+)\/(?:issue|roll|disable|revoke)@1$/.exec(uses)?.[1] ?? []);
  return drivers.find(
    ({ manifest }) =>
      families.includes(manifest.type.split("/")[0] ?? "") && manifest.detectors.some((id) => match.credential.includes(id)),
  )?.manifest;
}

/** Why a playbook does not run by itself, where it does not: its steps are for people. */
export function byHand({ playbook, manifest, mode }: Case): readonly string[] {
  return simulate(playbook, manifest, mode).plan.blockers;
}

/** Every place where something can go wrong in an undisturbed run of this playbook. */
export async function points(of: Case): Promise<Fault[]> {
  const simulation = simulate(of.playbook, of.manifest, of.mode);
  const run = await simulation.start();
  const ended = await simulation.work(run);
  if (ended === "crashed" || ended.state !== "done")
    throw new Error(`${of.playbook.name}: undisturbed, it ends as ${JSON.stringify(ended)}`);
  const { calls, writes } = simulation.counts;
  const every = (where: Fault["in"], count: number, how: readonly Fault["kind"][]) =>
    Array.from({ length: count }, (_, index) =>
      (["before", "after"] as const).flatMap((when) => how.map((kind): Fault => ({ in: where, at: index + 1, when, kind }))),
    ).flat();
  return [...every("call", calls, kinds), ...every("journal", writes, ["crash", "hang"])];
}

/** What may stand at the end of a run that was disturbed: done, or a hold that a person must end and that says why. */
export interface Verdict {
  readonly end: string;
  /** Broken invariants; empty = all hold. */
  readonly wrong: readonly string[];
}

/** Disturbs a run, lets other workers take it up until it stops, and looks at everything. */
export async function disturb(of: Case, faults: readonly Fault[], under?: JournalUnderTest): Promise<Verdict> {
  const simulation = simulate(of.playbook, of.manifest, of.mode, under);
  const run = await simulation.start();
  const ended = await settle(simulation, run, faults);
  const wrong = [...(await simulation.faultsAtRest(ended))];
  if (ended.state === "held" && ended.code !== "roll-lost") wrong.push(`held: ${ended.code}: ${ended.message}`);
  return { end: ended.state === "held" ? `held (${ended.code})` : ended.state, wrong };
}

/** Faults strike the first worker; those that come after it run undisturbed, as after a repair. */
export async function settle(simulation: Simulation, run: string, faults: readonly Fault[]): Promise<Run> {
  let ended = await simulation.work(run, faults);
  for (let worker = 0; worker < 5; worker++) {
    if (ended !== "crashed" && ended.state === "held" && ended.code !== "roll-lost") {
      await simulation.journal.reopen(run);
      ended = await simulation.work(run);
    } else if (ended === "crashed" || ended.state === "running") ended = await simulation.work(run);
    else return ended;
  }
  if (ended === "crashed") throw new Error("it never came to rest");
  return ended;
}

export function faultText({ in: where, at, when, kind }: Fault): string {
  return `${kind} ${when} ${where} ${at}`;
}
