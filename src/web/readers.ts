import type { ReachedThing } from "../finding.ts";
import type { Graph } from "../identity/graph.ts";
import type { IncidentEvent, Recorded } from "../incident/event.ts";
import type { Incident, ListedIncident } from "../incident/fold.ts";

/** What the pages and the API read; the store gives it. Nothing here holds a credential's value. */
export interface Readers {
  /** All of them, oldest detected first. */
  incidents(): Promise<readonly ListedIncident[]>;
  incident(id: string): Promise<Incident | undefined>;
  timeline(id: string): Promise<readonly Recorded<IncidentEvent>[]>;
  occurrences(id: string): Promise<readonly OccurrenceView[]>;
  receipts(id: string): Promise<readonly ReceiptView[]>;
  /** The latest plan. `body` is the plan of src/playbook as data; the page shows the steps that it finds in it. */
  plan(id: string): Promise<{ hash: string; playbook: string; body: unknown } | undefined>;
  /** The journal of a run, oldest first. */
  effects(run: string): Promise<readonly EffectView[]>;
  /** The events of all incidents, newest first; `before` is the last one of the page before. */
  events(page: { before?: Place | undefined; limit: number }): Promise<readonly LoggedEvent[]>;
  /** The graph of the default branch that has this identity. */
  identity(id: string): Promise<{ repository: string; graph: Graph } | undefined>;
  /** Who was seen at work under one of these names, the latest first. */
  seen(names: readonly string[]): Promise<readonly SeenView[]>;
  /** Sources of runtime events that were held back in the last week, because too many of their incidents are open. */
  heldBack(): Promise<readonly HeldBack[]>;
  /** Throws if the database does not answer. */
  ready(): Promise<void>;
}

/** A name under which a source saw somebody at work. */
export interface SeenView {
  readonly source: string;
  /** Which of its names this is. */
  readonly kind: "agent" | "agent-id" | "service" | "key";
  readonly name: string;
  readonly model?: string;
  readonly calls: number;
  /** ISO 8601 UTC. */
  readonly firstAt: string;
  readonly lastAt: string;
}

/** What a source reported that stands in no incident. */
export interface HeldBack {
  readonly source: string;
  readonly events: number;
  /** ISO 8601 UTC of the last one. */
  readonly lastAt: string;
}

export interface OccurrenceView {
  readonly repository?: string;
  readonly path?: string;
  readonly commit?: string;
  readonly pullRequest?: number;
  readonly seenAt: string;
  readonly finding: {
    readonly location: { readonly kind: string; readonly startLine: number };
    readonly evidence: readonly { readonly method: string; readonly grade: string; readonly text: string }[];
    readonly revoke: string;
    readonly reach?: readonly ReachedThing[] | undefined;
  };
}

export interface ReceiptView {
  readonly round: number;
  readonly subject: "old" | "control";
  readonly answer: string;
  readonly code: string;
  readonly control: string;
  readonly via: string;
  readonly at: string;
}

/** One outside call of a run: `intended → sent → confirmed, unknown, undone`. */
export interface EffectView {
  readonly key: string;
  readonly state: string;
  readonly destroy: boolean;
  /** ISO 8601 UTC of its last change. */
  readonly at: string;
}

/** Where an event stands in the order of the whole log. */
export type Place = Pick<Recorded<IncidentEvent>, "at" | "stream" | "seq">;

/** An event with the hash that chains it to the one before in its stream. */
export interface LoggedEvent extends Recorded<IncidentEvent> {
  readonly hash: string;
}
