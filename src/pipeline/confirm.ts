import type { Incident } from "../incident/fold.ts";
import { saveConsumerReport } from "../store/consumers.ts";
import type { Rekey } from "./context.ts";
import { keptPlan } from "./readiness.ts";
import { rotationDeps } from "./rotation.ts";
import { approversOf } from "./start-rotation.ts";

interface Note {
  readonly ok: boolean;
  readonly text: string;
}

/** The owner's word that a consumer declared with `report: confirm` runs on the new credential. Kept like a report of its own. */
export async function confirmConsumer(rekey: Rekey, incident: Incident, by: string, name: string | undefined): Promise<Note> {
  const { journal } = rotationDeps(rekey);
  const run = (await journal.ofIncident(incident.id)).find(({ state }) => state === "running" || state === "held");
  if (run === undefined) return { ok: false, text: "No rotation is under way." };
  const { consumers, sinks } = run.plan.facts;
  const names =
    typeof consumers === "string" ? [] : consumers.flatMap((consumer) => (consumer.report === "confirm" ? [consumer.name] : []));
  const consumer = name ?? (names.length === 1 ? names[0] : undefined);
  if (consumer === undefined || !names.includes(consumer)) {
    const which =
      names.length === 0 ? "no consumer is declared with `report: confirm`" : `name one of ${names.map((one) => `"${one}"`).join(", ")}`;
    return { ok: false, text: `Nothing to confirm: ${which}.` };
  }
  const { owners, securityTeam } = await approversOf(rekey, incident, (await keptPlan(rekey, incident.id)) ?? run.plan);
  if (![...owners, ...securityTeam].some((login) => login.toLowerCase() === by.toLowerCase()))
    return { ok: false, text: "That is for the owner of the identity or the security team to say." };
  const effects = await journal.effects(run.id);
  const promoted = sinks.flatMap((sink, index) => {
    const result = effects.find(({ key, state }) => key === `promote-${index}` && state === "confirmed")?.result;
    return typeof result === "object" && result !== null && "version" in result ? [{ ...sink, version: String(result.version) }] : [];
  });
  if (promoted.length === 0)
    return { ok: false, text: "The new credential is not current yet; confirm it once the consumer has taken it up." };
  for (const { connection, path, version } of promoted)
    await saveConsumerReport(rekey.database.db, { name: consumer, connection, path, version });
  if (run.state === "held" && run.code === "consumers-behind") {
    await journal.reopen(run.id);
    await rekey.queue.enqueue("rotation", { run: run.id }, { singletonKey: run.id });
  }
  rekey.log.info({ incident: incident.id, run: run.id, consumer, by }, "a person confirmed a consumer");
  return { ok: true, text: `${consumer} runs on the new credential, says ${by}.` };
}
