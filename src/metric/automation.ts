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
  let [dead, byPlaybook, held] = [0, 0, 0];
  const codes = new Map<string, number>();
  for (const { death, state, run } of incidents) {
    if (death !== undefined && !death.whenFound) {
      dead++;
      if (run?.state === "done") byPlaybook++;
    }
    if (state === "open" && run?.state === "held") {
      held++;
      const code = run.code ?? "unknown";
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
  }
  return {
    byPlaybook,
    byHand: dead - byPlaybook,
    held,
    heldBy: [...codes].map(([code, count]) => ({ code, count })).toSorted((a, b) => b.count - a.count),
  };
}
