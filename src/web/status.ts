import { html } from "hono/html";
import type { IncidentFacts } from "../incident/fold.ts";
import type { Html } from "./layout.ts";

/** Where an incident stands: a shape, a word and a colour, in this order of weight. */
export interface Status {
  readonly kind: "alive" | "unknown" | "refused" | "contained" | "dead" | "stated" | "accepted" | "dismissed" | "closed";
  readonly sign: string;
  readonly word: string;
}

export function statusOf(incident: IncidentFacts): Status {
  const { state, resolution, death, statement, validity, clock } = incident;
  if (incident.kind !== undefined) return runtimeStatus(incident);
  if (state === "resolved") {
    if (death !== undefined) return { kind: "dead", sign: "✓", word: death.whenFound ? "dead when found" : "proven dead" };
    if (statement !== undefined) return { kind: "stated", sign: "◇", word: "revoked by statement, not proven" };
    if (resolution === "wont_fix") return { kind: "accepted", sign: "■", word: "risk accepted" };
    if (resolution === "false_positive") return { kind: "dismissed", sign: "–", word: "false positive" };
    if (resolution === "used_in_tests") return { kind: "dismissed", sign: "–", word: "used in tests" };
    return { kind: "closed", sign: "○", word: "closed, death not proven" };
  }
  if (clock.revoked !== undefined) return { kind: "contained", sign: "◑", word: "revoked, death not proven yet" };
  if (clock.contained !== undefined) return { kind: "contained", sign: "◑", word: "contained" };
  if (validity === "active") return { kind: "alive", sign: "▲", word: "alive" };
  if (validity === "inactive") return { kind: "refused", sign: "▽", word: "refused, not proven dead" };
  return { kind: "unknown", sign: "?", word: "not known whether alive" };
}

/** A runtime event is over when a person says so; what its source stopped is contained until then. */
function runtimeStatus({ state, resolution, settlement, clock, report }: IncidentFacts): Status {
  if (state === "resolved") {
    if (settlement !== undefined) return { kind: "closed", sign: "○", word: settlement.contained ? "contained, closed" : "resolved" };
    if (resolution === "wont_fix") return { kind: "accepted", sign: "■", word: "risk accepted" };
    return { kind: "dismissed", sign: "–", word: "false positive" };
  }
  if (clock.contained !== undefined) return { kind: "contained", sign: "◑", word: `${report?.action ?? "stopped"} by its source` };
  if (report?.action === undefined) return { kind: "unknown", sign: "?", word: "not known whether stopped" };
  return { kind: "alive", sign: "▲", word: "went through" };
}

export function statusBadge(incident: IncidentFacts): Html {
  const { kind, sign, word } = statusOf(incident);
  return html`<span class="badge ${kind}"><span aria-hidden="true">${sign}</span> ${word}</span>`;
}
