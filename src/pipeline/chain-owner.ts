import { chainOf } from "../incident/chain.ts";
import type { Incident } from "../incident/fold.ts";
import { chainCandidates } from "../store/incidents.ts";
import type { Rekey } from "./context.ts";

/** As it is told to the outside: what belongs to one matter has one owner and one severity. */
export async function asOneMatter(rekey: Rekey, incident: Incident): Promise<Incident> {
  const all = await chainCandidates(rekey.database.db, incident);
  if (all.length === 0) return incident;
  const { merged, owner, severity } = chainOf(incident, all, rekey.config.runtime.chain_window);
  if (merged.length === 0) return incident;
  return { ...incident, severity, ...(owner === undefined ? {} : { owner }) };
}
