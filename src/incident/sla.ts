import type { Severity, Validity } from "../finding.ts";
import type { RuntimeKind } from "./runtime.ts";

/** Milliseconds from *detected*. `contain` only where a reversible disable is expected so fast. */
export interface Sla {
  readonly contain?: number;
  readonly dead: number;
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

const runtime: Readonly<Record<Severity, number>> = { critical: 4 * hour, high: day, medium: 7 * day, low: 30 * day, info: 30 * day };

/**
 * The suggested defaults of reference/rotation.md 6.1: public and seen alive, contain 15 min and dead 4 h; private and seen
 * alive in production 24 h, elsewhere 7 d; unknown validity 3 d, and 7 d for what the detector rates medium or lower. A runtime
 * event goes by its severity alone; `dead` then means ended by a person.
 */
export function slaOf(incident: {
  severity: Severity;
  validity: Validity;
  environment?: string | undefined;
  public?: boolean;
  kind?: RuntimeKind;
}): Sla {
  if (incident.kind !== undefined) return { dead: runtime[incident.severity] };
  if (incident.validity === "active") {
    if (incident.public === true) return { contain: 15 * minute, dead: 4 * hour };
    return { dead: isProduction(incident.environment) ? day : 7 * day };
  }
  return { dead: incident.severity === "critical" || incident.severity === "high" ? 3 * day : 7 * day };
}

/** Unknown counts as production (contracts.md §8). */
export function isProduction(environment: string | undefined): boolean {
  return (
    environment === undefined || !/^(dev|devel|development|test|testing|ci|staging|stage|sandbox|preview|qa|local)$/i.test(environment)
  );
}
