import type { IncidentEvent, Recorded } from "../incident/event.ts";
import type { Incident } from "../incident/fold.ts";

/** What the pages and the API read; the store gives it. Nothing here holds a credential's value. */
export interface Readers {
  /** Oldest detected first. */
  incidents(filter: { state?: "open" | "resolved"; limit: number }): Promise<readonly Incident[]>;
  incident(id: string): Promise<Incident | undefined>;
  timeline(id: string): Promise<readonly Recorded<IncidentEvent>[]>;
  occurrences(id: string): Promise<readonly OccurrenceView[]>;
  receipts(id: string): Promise<readonly ReceiptView[]>;
  /** The latest plan. `body` is the plan of src/playbook as data; the page shows the steps that it finds in it. */
  plan(id: string): Promise<{ hash: string; playbook: string; body: unknown } | undefined>;
  /** Throws if the database does not answer. */
  ready(): Promise<void>;
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
