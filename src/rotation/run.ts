import { randomBytes } from "node:crypto";
import { HoldError, RefusedError } from "../errors.ts";
import { credentialKey } from "../finding.ts";
import type { IncidentEvent } from "../incident/event.ts";
import { describeError } from "../log.ts";
import type { Plan, PlanStep } from "../playbook/plan.ts";
import type { RotationDeps } from "./deps.ts";
import type { Execution } from "./execution.ts";
import { dropStaged } from "./issue.ts";
import { type Effect, FencedError, type Lease, type Run } from "./journal.ts";
import { LimitedError, type Limits, limitOf } from "./limits.ts";
import { steps } from "./step.ts";
import { undo } from "./undo.ts";

/**
 * Starts a run of an approved plan. Throws RefusedError where the plan cannot run by itself or the credential has an open run, and
 * LimitedError where a limit lets it start later.
 */
export async function startRun(deps: RotationDeps, plan: Plan, options: StartOptions = {}): Promise<string> {
  if (plan.blockers.length > 0) throw new RefusedError(`this plan cannot run by itself: ${plan.blockers.join("; ")}`);
  const { id = newRunId(), limits, breakGlass = false } = options;
  const made = await deps.journal.create(
    { id, incident: plan.facts.incident, credential: credentialKey(plan.facts.credential), plan, breakGlass },
    limits === undefined || breakGlass ? undefined : (situation) => limitOf(situation, plan, limits),
  );
  if (made.state === "limited") throw new LimitedError(made.limit);
  if (made.state === "open") throw new RefusedError("a rotation of this credential is already under way");
  await deps.emit(plan.facts.incident, [{ type: "run-started", run: id, planHash: plan.hash }]);
  return id;
}

export interface StartOptions {
  /** From `newRunId`, where the caller must know it before. */
  readonly id?: string;
  /** Absent = none. */
  readonly limits?: Limits;
  readonly breakGlass?: boolean;
}

export function newRunId(): string {
  return `run-${randomBytes(6).toString("hex")}`;
}

/**
 * Brings a run to its end from wherever it is: `done`, `undone`, `held` (a person must act) or `failed`. Safe to call again at any
 * time, by any worker: what is confirmed is not repeated, what is unknown is looked at first. Returns undefined where another
 * worker holds the lease.
 */
export async function executeRun(deps: RotationDeps, id: string): Promise<Run | undefined> {
  // a lease on what is over would only stand in the way of a cancel
  const before = await deps.journal.get(id);
  if (before === undefined || before.state !== "running") return before;
  const lease = await deps.journal.claim(id, { ttl: deps.lease.ttl, grace: deps.lease.call });
  if (lease === undefined) return undefined;
  const heartbeat = setInterval(() => {
    deps.journal.renew(lease, deps.lease.ttl).catch(() => clearInterval(heartbeat));
  }, deps.lease.ttl / 3);
  try {
    const run = await deps.journal.get(id);
    if (run === undefined || run.state !== "running") return run;
    await carryOut(deps, lease, run);
  } catch (error) {
    if (!(error instanceof FencedError)) throw error;
    deps.log.warn({ run: id }, "another worker has taken over this run");
  } finally {
    clearInterval(heartbeat);
  }
  return deps.journal.get(id);
}

async function carryOut(deps: RotationDeps, lease: Lease, run: Run): Promise<void> {
  const effects = new Map<string, Effect>((await deps.journal.effects(run.id)).map((effect) => [effect.key, effect]));
  const execution: Execution = { deps, lease, run, plan: run.plan, effects, driver: deps.driver(run.plan.driver) };
  const finish = async (state: "done" | "undone" | "held" | "failed", why?: { code: string; message: string }) => {
    const held: IncidentEvent[] = state === "held" && why !== undefined ? [{ type: "run-held", run: run.id, ...why }] : [];
    await deps.journal.finish(lease, state, why);
    await deps.emit(run.incident, [...held, { type: "run-ended", run: run.id, result: state }]);
  };
  try {
    for (const planned of run.plan.steps) {
      if (await cancelled(execution)) {
        await undo(execution);
        return await finish("undone", {
          code: "cancelled",
          message: "cancelled before anything was destroyed; the old credential is in use again",
        });
      }
      await holdIfPaused(execution, planned);
      await deps.journal.renew(lease, deps.lease.ttl);
      await steps(planned, execution);
    }
    await dropStaged(execution);
    await deps.quarantine?.destroy(run.incident);
    await finish("done");
  } catch (error) {
    if (error instanceof FencedError) throw error;
    if (error instanceof HoldError) return await finish("held", { code: error.code, message: error.message });
    deps.log.error({ run: run.id, error: describeError(error) }, "a rotation failed");
    await finish("held", {
      code: "unexpected",
      message: "something unexpected happened; nothing more is done until a person looks (see the server's log)",
    });
  }
}

/** A pause stops a run before it changes anything more; what only looks goes on, and so does a run that destroyed already. */
async function holdIfPaused({ deps, run }: Execution, step: PlanStep): Promise<void> {
  if (step.effect === "read" || run.breakGlass || !(await deps.journal.paused())) return;
  if ((await deps.journal.effects(run.id)).some(({ destroy, state }) => destroy && state !== "undone")) return;
  throw new HoldError("paused", `all rotations are paused, and this one stopped before '${step.title}'; it goes on with rekey resume`);
}

/** A cancel counts only before the first destroying effect is intended. */
async function cancelled({ deps, run }: Execution): Promise<boolean> {
  const now = await deps.journal.get(run.id);
  if (now?.cancelled !== true) return false;
  return !(await deps.journal.effects(run.id)).some((effect) => effect.destroy && effect.state !== "undone");
}
