import type { Driver, DriverContext, Sink } from "../driver.ts";
import type { IncidentEvent } from "../incident/event.ts";
import type { Log } from "../log.ts";
import type { PlannedSink } from "../playbook/plan.ts";
import type { Secret } from "../secret.ts";
import type { Journal } from "./journal.ts";

/** One answer of one probe, kept as evidence. */
export interface Receipt {
  readonly round: number;
  readonly subject: "old" | "control";
  readonly answer: "alive" | "invalid" | "disabled" | "unknown" | "absent";
  readonly code: string;
  readonly via: "probe" | "control-plane";
}

/** A consumer's word that it runs on a version since `at` (milliseconds since the epoch, database time). */
export interface ConsumerReport {
  readonly version: string;
  readonly at: number;
}

/** Everything outside that a run needs; `pipeline.ts` hands it over. */
export interface RotationDeps {
  readonly journal: Journal;
  readonly log: Log;
  driver(type: string): Driver;
  context(connection: string | undefined, driver: Driver): Promise<DriverContext>;
  sink(sink: PlannedSink): Promise<{ sink: Sink; context: DriverContext }>;
  /** The leaked value read again (contracts.md §1); undefined where it can not be found. Called anew for each probe. */
  recover(incident: string): Promise<Secret | undefined>;
  /** Keeps the leaked value for its last probes, if the tenant opted in; idempotent. */
  quarantine?: {
    keep(incident: string, secret: Secret): Promise<void>;
    destroy(incident: string): Promise<void>;
  };
  /** A receipt of this incident says that the leaked value was accepted: the control of a proof where the run mints nothing. */
  seenAlive(incident: string): Promise<boolean>;
  fingerprint(secret: Secret): string;
  reports(consumer: string, sink: PlannedSink): Promise<readonly ConsumerReport[]>;
  /** Appends to the incident's stream and redraws its surfaces. */
  emit(incident: string, events: readonly IncidentEvent[]): Promise<void>;
  receipt(incident: string, run: string, receipt: Receipt): Promise<void>;
  sleep(milliseconds: number): Promise<void>;
  /** Milliseconds: lease of a worker, and the longest a single call may take. */
  readonly lease: { readonly ttl: number; readonly call: number };
}
