import type { IncidentFacts } from "../incident/fold.ts";

/** How the proven dead were ended. */
export interface Automation {
  /** A playbook ran to its end. */
  readonly byPlaybook: number;
  /** Somebody revoked it, and probes saw it dead. */
  readonly byHand: number;
  /** Rotations that wait for a person now. */
  readonly held: number;
  /** Why they wait: code and how often, most frequent first. */
  readonly heldBy: readonly { readonly code: string; readonly count: number }[];
}

export function automation(incidents: readonly IncidentFacts[]): Automation {
  const dead = incidents.filter(({ death }) => death !== undefined && !death.whenFound);
  const byPlaybook = dead.filter(({ run }) => run?.state === "done").length;
  const held = incidents.filter(({ state, run }) => state === "open" && run?.state === "held");
  const codes = Map.groupBy(held, ({ run }) => run?.code ?? "unknown");
  return {
    byPlaybook,
    byHand: dead.length - byPlaybook,
    held: held.length,
    heldBy: [...codes].map(([code, list]) => ({ code, count: list.length })).toSorted((a, b) => b.count - a.count),
  };
}
