import type { Target } from "../driver.ts";
import { HoldError } from "../errors.ts";
import type { StepOptions } from "../playbook/plan.ts";
import { read } from "./effect.ts";
import { type Execution, newTarget, newValue } from "./execution.ts";

/** contracts.md §8: at least three rounds over at least the provider's propagation time; a playbook may ask for more. */
const leastRounds = 3;

/**
 * Three rounds of probes spaced over the provider's propagation time (contracts.md §8). A round counts only if the old value was
 * answered "invalid credential" and its control was accepted in the same round; anything unclear is tried again, an answer
 * "alive" starts over. Holds, with what is true and what is not, after ten times the propagation time.
 */
export async function proveDead(execution: Execution, { times = leastRounds, over = 0 }: StepOptions = {}): Promise<void> {
  const { deps, driver, run, plan } = execution;
  if (execution.effects.get("dead")?.state === "confirmed") return;
  const { proof, propagation } = driver.manifest;
  const rounds = Math.max(times, leastRounds);
  const span = Math.max(over, propagation.revoke);
  const spacing = Math.ceil(span / (rounds - 1));
  // an old value whose grace nobody can end dies by itself at the end of it
  const grace = plan.steps.some(({ uses }) => uses.endsWith("/roll@1")) ? (plan.facts.grace ?? 0) : 0;
  const deadline = (await deps.journal.now()) + span * 10 + grace + 120_000;
  let counted = 0;
  let last = "no probe yet";
  for (let round = 1; counted < rounds; round++) {
    const outcome = proof === "control-plane" ? await controlPlane(execution, round) : await probeRound(execution, round);
    last = outcome.text;
    if (outcome.dead === true) counted++;
    if (outcome.dead === false) counted = 0;
    if (counted >= rounds) break;
    if ((await deps.journal.now()) > deadline) {
      throw new HoldError(
        "death-not-proven",
        `revoked, but its death is not proven: ${last}. A person must check at ${driver.manifest.pages.revoke}`,
      );
    }
    await deps.sleep(outcome.dead === true ? spacing : Math.max(spacing, 1000));
  }
  if (proof === "both" && (await controlPlane(execution, rounds + 1)).dead !== true) {
    throw new HoldError(
      "death-not-proven",
      "the old value is refused, but the vendor's own list still shows its record; a person must look",
    );
  }
  // refused, and never seen alive: it was dead before this run, which must not count as a success of it
  const whenFound = proof === "probe" && !minted(execution) && !(await deps.seenAlive(run.incident));
  await deps.journal.intend(execution.lease, { key: "dead", destroy: false });
  await deps.journal.settle(execution.lease, "dead", "confirmed");
  await deps.emit(run.incident, [
    { type: "dead", proof, receipts: rounds * (proof === "control-plane" ? 1 : 2), whenFound },
    { type: "closed", resolution: "revoked" },
  ]);
  deps.log.info({ run: run.id, driver: plan.driver }, "the old credential is proven dead");
}

function minted({ effects }: Execution): boolean {
  return effects.get("issue")?.state === "confirmed";
}

/** `dead` true: counts; false: seen alive; undefined: says nothing. */
interface Outcome {
  readonly dead: boolean | undefined;
  readonly text: string;
}

async function probeRound(execution: Execution, round: number): Promise<Outcome> {
  const { deps, driver, plan, run } = execution;
  const context = await deps.context(plan.facts.connection, driver);
  const old = await deps.recover(run.incident);
  if (old === undefined) return { dead: undefined, text: "the leaked value could not be read again" };
  const target: Target = { attributes: plan.facts.attributes };
  const answer = await read(deps, "the provider", () => driver.probe(context, { ...target, secret: old }));
  old.wipe();
  await deps.receipt(run.incident, run.id, { round, subject: "old", answer: answer.answer, code: answer.code, via: "probe" });
  if (answer.answer !== "invalid")
    return { dead: answer.answer === "alive" ? false : undefined, text: `the provider answered ${answer.code} (${answer.answer})` };

  if (!minted(execution)) {
    // nothing was minted: the control is that this incident saw the value accepted, or the vendor's code says nothing else
    return driver.manifest.invalidMeansDead || (await deps.seenAlive(run.incident))
      ? { dead: true, text: answer.code }
      : {
          dead: undefined,
          text: `it is refused (${answer.code}), but nobody ever saw it accepted, and this refusal may mean something else`,
        };
  }
  const fresh = await newValue(execution);
  const control = await read(deps, "the provider", () => driver.probe(context, newTarget(execution, fresh)));
  fresh.secret.wipe();
  await deps.receipt(run.incident, run.id, { round, subject: "control", answer: control.answer, code: control.code, via: "probe" });
  return control.answer === "alive"
    ? { dead: true, text: answer.code }
    : { dead: undefined, text: `the control was not accepted either (${control.code})` };
}

/** The record is gone from a completely read list. */
async function controlPlane(execution: Execution, round: number): Promise<Outcome> {
  const { deps, driver, plan, run } = execution;
  const context = await deps.context(plan.facts.connection, driver);
  const records = await read(deps, "the provider", async () => driver.list?.(context, { attributes: plan.facts.attributes }));
  if (records === undefined) return { dead: undefined, text: "the vendor has no list of credentials" };
  const record = records.find(({ id }) => id === plan.facts.named?.id);
  const gone = record === undefined || record.state === "gone";
  await deps.receipt(run.incident, run.id, {
    round,
    subject: "old",
    answer: gone ? "absent" : record.state === "disabled" ? "disabled" : "alive",
    code: gone ? "not in the list" : record.state,
    via: "control-plane",
  });
  return { dead: gone, text: gone ? "not in the vendor's list" : `the vendor's list says ${record.state}` };
}
