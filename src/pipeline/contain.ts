import { RefusedError } from "../errors.ts";
import type { Incident } from "../incident/fold.ts";
import { makePlan, type Plan } from "../playbook/plan.ts";
import type { Playbook } from "../playbook/schema.ts";
import { startRun } from "../rotation/run.ts";
import type { Rekey } from "./context.ts";
import { keptPlan } from "./readiness.ts";
import { notEnabled, policyFor } from "./rollout.ts";
import { rotationDeps } from "./rotation.ts";
import { approversOf } from "./start-rotation.ts";

interface Note {
  readonly ok: boolean;
  readonly text: string;
}

/** Disables the leaked credential and nothing else: reversible, so it needs no approval beyond write access (contracts.md §8). */
export async function contain(rekey: Rekey, incident: Incident, by: string): Promise<Note> {
  if ((await policyFor(rekey, incident)).stage !== "rotate") return { ok: false, text: notEnabled };
  if (incident.state === "resolved") return { ok: false, text: `${incident.id} is closed already.` };
  const kept = await keptPlan(rekey, incident.id);
  const driver = rekey.drivers.find(({ manifest }) => manifest.type === kept?.driver);
  if (kept === undefined || driver === undefined)
    return { ok: false, text: "No driver serves this type, so it cannot be disabled from here." };
  const { manifest } = driver;
  if (manifest.verbs.disable === undefined || !manifest.reversible.disable)
    return { ok: false, text: `${manifest.name}: the vendor has no disable that can be taken back; \`/rekey rotate\` replaces it.` };
  if (incident.clock.contained !== undefined) return { ok: true, text: `${incident.id} is contained already.` };
  const own = kept.blockers.find((blocker) => blocker.startsWith("Rekey itself uses"));
  if (own !== undefined) return { ok: false, text: `${own}.` };
  const plan = containment(kept, manifest);
  if (plan.blockers.length > 0) return { ok: false, text: `It cannot be disabled from here: ${plan.blockers.join("; ")}.` };
  try {
    const run = await startRun(rotationDeps(rekey), plan);
    await rekey.queue.enqueue("rotation", { run }, { singletonKey: run });
    rekey.log.info({ incident: incident.id, run, by }, "a credential is being contained");
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    return { ok: false, text: `${error.message}.` };
  }
  return { ok: true, text: `Disabling the credential of ${incident.id}; \`/rekey cancel ${incident.id}\` enables it again.` };
}

/** Enables what `contain` disabled. A leaked credential works again by it, so write access is not enough. */
export async function release(rekey: Rekey, incident: Incident, by: string): Promise<Note> {
  const plan = await keptPlan(rekey, incident.id);
  if (incident.run === undefined || plan === undefined) return { ok: false, text: "No containment is there to take back." };
  const { owners, securityTeam } = await approversOf(rekey, incident, plan);
  const may = [...owners, ...securityTeam];
  if (!may.some((login) => login.toLowerCase() === by.toLowerCase())) {
    const who = may.map((login) => `@${login}`).join(", ") || "nobody: the identity has no owner and there is no security team";
    return { ok: false, text: `Enabling a leaked credential again is for its owner or the security team (${who}).` };
  }
  const { journal } = rotationDeps(rekey);
  await journal.cancel(incident.run.id);
  await rekey.queue.enqueue("rotation", { run: incident.run.id });
  return { ok: true, text: `Enabling the credential of ${incident.id} again: it leaked, and it will work.` };
}

function containment(kept: Plan, manifest: Parameters<typeof makePlan>[1]): Plan {
  const family = manifest.type.split("/")[0] ?? manifest.type;
  const playbook: Playbook = {
    name: "contain",
    version: 1,
    match: { credential: [...manifest.detectors] },
    policy: { modes: ["contain-first"] },
    inputs: {},
    steps: [{ id: "contain", uses: `${family}/disable@1`, title: `Disable the leaked ${manifest.name} (reversible)`, with: {} }],
  };
  return makePlan(playbook, manifest, { ...kept.facts, mode: "contain-first" });
}
