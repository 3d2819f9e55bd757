import type { KeyRecord, Target } from "../driver.ts";
import { HoldError } from "../errors.ts";
import type { PlanStep, StepOptions } from "../playbook/plan.ts";
import type { Secret } from "../secret.ts";
import { read } from "./effect.ts";
import { type Execution, endOfOld, missing, named, newTarget, newValue, once, recovered } from "./execution.ts";
import { converge, revokeGate } from "./gate.ts";
import { issue, roll } from "./issue.ts";
import { promote } from "./promote.ts";
import { proveDead } from "./proof.ts";

/** Does one step of the plan, or throws HoldError. Steps are repeated from the first after a crash: each finds its own traces. */
export async function steps(step: PlanStep, execution: Execution): Promise<void> {
  const { deps, plan, driver } = execution;
  const name = step.uses.replace(/@1$/, "");
  if (step.manual !== undefined) throw new HoldError("manual-step", `${step.title}: do it at ${step.manual.page}, then /rekey verify`);
  if (name === "credential/recover") return recoverable(execution);
  if (name === "sinks/promote") return promote(execution);
  if (name === "consumers/converged") return converge(execution, step.with?.timeout);
  if (name === "wait") return soak(step, execution);
  if (name === "proof/dead") return proveDead(execution, step.with);
  const verb = name.split("/")[1];
  if (verb === "issue") return issue(execution);
  if (verb === "roll") return roll(execution, step.id);
  if (verb === "probe") return tryNew(execution, step.with);
  const context = await deps.context(plan.facts.connection, driver);
  const record = await named(execution);
  if (verb === "disable") {
    await once(execution, {
      key: step.id,
      destroy: false,
      send: () => driver.disable?.(context, record) ?? missing(driver, "disable"),
      observe: async () => ({ done: (await stateOf(execution, record)) !== "active", result: undefined }),
      event: { type: "contained", run: execution.run.id },
    });
    return;
  }
  const end = endOfOld(execution);
  if (end !== undefined) return graceOver(step, execution, end);
  await revokeGate(execution, record);
  await once(execution, {
    key: step.id,
    destroy: true,
    send: async () => {
      // the id of a slot outlives its value: the driver must see that the leaked one still stands there
      const byValue = driver.manifest.killByPossession || driver.manifest.class === "two-slot";
      const secret = byValue ? await recovered(execution) : undefined;
      await (driver.revoke?.(context, record, { attributes: plan.facts.attributes, ...(secret === undefined ? {} : { secret }) }) ??
        missing(driver, "revoke"));
      secret?.wipe();
    },
    // revoking is idempotent in every driver, so a lost answer is settled by sending it again
    observe: async () => ({ done: false }),
    event: { type: "revoked", run: execution.run.id },
  });
}

/** The record lives on with its new value, so nothing is deleted: the old value ends by itself. */
async function graceOver(step: PlanStep, execution: Execution, end: string): Promise<void> {
  const { deps, lease, run } = execution;
  await once(execution, {
    key: step.id,
    destroy: true,
    send: async () => {
      for (let left = 1; left > 0; ) {
        left = Date.parse(end) - (await deps.journal.now());
        await deps.sleep(Math.max(0, Math.min(left, 3_600_000)));
        await deps.journal.renew(lease, deps.lease.ttl);
      }
    },
    observe: async () => ({ done: false }),
    event: { type: "revoked", run: run.id },
  });
}

/** The value must be there before anything is done: without it there is no proof at the end. */
async function recoverable(execution: Execution): Promise<void> {
  if (execution.effects.get("recover")?.state === "confirmed") return;
  const secret = await execution.deps.recover(execution.run.incident);
  if (secret === undefined && execution.driver.manifest.proof !== "control-plane") {
    throw new HoldError(
      "value-not-recovered",
      "the leaked value could not be read again from where it leaked, so its death could not be proven; give it with rekey verify < value, or revoke it by hand",
    );
  }
  await once(execution, {
    key: "recover",
    destroy: false,
    send: async () => {
      if (secret !== undefined) await execution.deps.quarantine?.keep(execution.run.incident, secret);
    },
    observe: async () => ({ done: false }),
  });
  secret?.wipe();
}

async function tryNew(execution: Execution, { key = "new", expect = "alive" }: StepOptions = {}): Promise<void> {
  const { deps, plan, driver } = execution;
  const context = await deps.context(plan.facts.connection, driver);
  const deadline = (await deps.journal.now()) + driver.manifest.propagation.create * 3 + 30_000;
  for (;;) {
    const target = key === "new" ? newTarget(execution, await newValue(execution)) : await oldTarget(execution);
    const { answer, code } = await read(deps, "the provider", () => driver.probe(context, target));
    target.secret.wipe();
    if (answer === (expect === "alive" ? "alive" : "invalid")) return;
    if ((await deps.journal.now()) > deadline) throw unexpectedAnswer(execution, key, code);
    await deps.sleep(Math.max(250, Math.min(driver.manifest.propagation.create, 5_000)));
  }
}

async function oldTarget(execution: Execution): Promise<Target & { secret: Secret }> {
  return { attributes: execution.plan.facts.attributes, secret: await recovered(execution) };
}

function unexpectedAnswer(execution: Execution, key: "old" | "new", code: string): HoldError {
  if (key === "old")
    return new HoldError(
      "unexpected-probe",
      `the provider answered ${code} to the leaked credential, which the playbook did not expect; look at the credential before going on`,
    );
  return execution.effects.get("issue")?.destroy === true
    ? new HoldError(
        "new-credential-refused",
        `the new credential is not accepted (${code}), and the old value may be ending already; a person must look at ${execution.driver.manifest.pages.revoke}`,
      )
    : new HoldError("new-credential-refused", `the new credential is not accepted (${code}); the old one is untouched`);
}

async function soak(step: PlanStep, execution: Execution): Promise<void> {
  const { deps, plan } = execution;
  const until = await once(execution, {
    key: step.id,
    destroy: false,
    send: async () => (await deps.journal.now()) + (step.with?.for ?? plan.facts.timeouts.soak),
    observe: async () => ({ done: false }),
  });
  await deps.sleep(Math.max(0, until - (await deps.journal.now())));
}

async function stateOf(execution: Execution, { id }: KeyRecord): Promise<KeyRecord["state"]> {
  const record = await named(execution);
  return record.id === id ? record.state : "gone";
}
