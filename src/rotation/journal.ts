import type { Plan } from "../playbook/plan.ts";

import type { Limit, Situation } from "./limits.ts";

export type RunState = "running" | "held" | "done" | "undone" | "failed";
export type EffectState = "intended" | "sent" | "confirmed" | "unknown" | "undone";

export interface Run {
  /** `run-…`, also the name that everything this run makes carries. */
  readonly id: string;
  readonly incident: string;
  /** `credentialKey`: one open run a credential. */
  readonly credential: string;
  readonly plan: Plan;
  readonly state: RunState;
  /** Why it is held or failed. */
  readonly code?: string;
  readonly message?: string;
  readonly startedAt: Date;
  /** When it last stopped. */
  readonly endedAt?: Date;
  readonly cancelled: boolean;
  /** Started by two people in an emergency: no pause holds it. */
  readonly breakGlass: boolean;
}

/** One outside call. `result` holds references (key ids, versions), never a value. */
export interface Effect {
  readonly key: string;
  readonly state: EffectState;
  readonly destroy: boolean;
  readonly result?: unknown;
}

/** Who may act for a run until when. A successor gets a higher epoch, and everything of a lower one is refused. */
export interface Lease {
  readonly run: string;
  readonly epoch: number;
}

/** The fence is gone: another worker has this run. The worker that sees it stops without another word to the outside. */
export class FencedError extends Error {
  override name = "FencedError";
}

/**
 * The journal of contracts.md §8: the intent is committed before the call. Every write checks the lease's epoch in its own
 * transaction and throws FencedError where it is not the newest. Times are the database's.
 */
export interface Journal {
  /** `open` where the credential has an open run already; `limited` where `admit`, asked in the same transaction, says no. */
  create(
    run: { id: string; incident: string; credential: string; plan: Plan; breakGlass?: boolean },
    admit?: (situation: Situation) => Limit | undefined,
  ): Promise<{ state: "created" } | { state: "open" } | { state: "limited"; limit: Limit }>;
  get(run: string): Promise<Run | undefined>;
  open(): Promise<readonly Run[]>;
  /** Newest first. */
  ofIncident(incident: string): Promise<readonly Run[]>;
  /** Runs that are over, and ended within so many milliseconds. */
  endedSince(milliseconds: number): Promise<readonly Run[]>;
  paused(): Promise<boolean>;
  /** Undefined while another worker's lease has not run out (its deadline plus `grace`). */
  claim(run: string, options: { ttl: number; grace: number }): Promise<Lease | undefined>;
  renew(lease: Lease, ttl: number): Promise<void>;
  effects(run: string): Promise<readonly Effect[]>;
  intend(lease: Lease, effect: { key: string; destroy: boolean }): Promise<void>;
  /** Immediately before the write: the newest epoch and `now < deadline`, or FencedError. */
  send(lease: Lease, key: string): Promise<void>;
  settle(lease: Lease, key: string, state: "confirmed" | "unknown" | "undone", result?: unknown): Promise<void>;
  finish(lease: Lease, state: Exclude<RunState, "running">, why?: { code: string; message: string }): Promise<void>;
  reopen(run: string): Promise<void>;
  cancel(run: string): Promise<void>;
  now(): Promise<number>;
}
