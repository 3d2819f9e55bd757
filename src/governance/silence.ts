import { createHash } from "node:crypto";
import type { IncidentFacts } from "../incident/fold.ts";

/** A credential type that is silenced for the whole organisation: what is found of it is dismissed at once, unless it is seen alive. */
export interface Silenced {
  readonly detector: string;
  readonly by: string;
  readonly reason: string;
  /** ISO 8601 UTC. */
  readonly at: string;
}

export interface SilencePreview<T extends IncidentFacts> {
  /** Open ones that would be dismissed. */
  readonly silences: readonly T[];
  /** Open ones that stay: their vendor accepted them. */
  readonly stays: readonly T[];
  /** Of all that were ever found: dismissed by people, and those that were real, since they lived or were proven dead. */
  readonly found: number;
  readonly dismissed: number;
  readonly real: number;
  /** Of `silences`: whoever agrees, agrees to exactly these. 12 hex characters. */
  readonly hash: string;
}

/** What silencing a detector would do now. */
export function silencePreview<T extends IncidentFacts>(detector: string, incidents: readonly T[]): SilencePreview<T> {
  const own = incidents.filter(({ credential, kind }) => kind === undefined && credential.detector === detector);
  const open = own.filter(({ state }) => state === "open");
  const silences = open.filter(isSilent);
  return {
    silences,
    stays: open.filter((one) => !isSilent(one)),
    found: own.length,
    dismissed: own.filter(({ resolution }) => resolution === "false_positive" || resolution === "used_in_tests").length,
    real: own.filter(({ validity, death }) => validity === "active" || death !== undefined).length,
    hash: createHash("sha256")
      .update(
        silences
          .map(({ id }) => id)
          .toSorted()
          .join("\n"),
      )
      .digest("hex")
      .slice(0, 12),
  };
}

/** A key that was seen alive, or one that somebody is rotating, is never silenced. */
export function isSilent({ validity, run }: Pick<IncidentFacts, "validity" | "run">): boolean {
  return validity !== "active" && run?.state !== "running" && run?.state !== "held";
}

/** What the policy dismissed, and an undo takes back. */
export function isSilenced({ dismissal, resolution }: Pick<IncidentFacts, "dismissal" | "resolution">): boolean {
  return resolution === "false_positive" && dismissal?.by === "policy";
}
