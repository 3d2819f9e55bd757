import type { Severity, Validity } from "../finding.ts";
import type { RuntimeEvent, RuntimeKind } from "./runtime.ts";

/** What an incident is about other than a leaked credential: an access that a review denied. */
export type Cause = "review";

/** What is kept of one report of a runtime event. */
export type RuntimeFacts = Pick<RuntimeEvent, "source" | "externalId" | "action" | "rule" | "tool" | "model" | "link">;

/**
 * Everything that can happen to an incident, in the past tense. Events are append-only, hash-chained per stream
 * (contracts.md §9) and the only input of clocks, metrics and surfaces. No event holds a value, a raw line or a
 * person's e-mail; people stand as GitHub logins with a host, `policy`, or `rekey`.
 */
export type IncidentEvent =
  | {
      readonly type: "opened";
      readonly credential: { readonly fingerprint: string; readonly subject?: string; readonly detector: string; readonly title: string };
      readonly severity: Severity;
      /** ISO 8601 UTC: server-side push or comment time; for history the committer date, clamped to ≤ detected. */
      readonly exposedAt: string;
      /** Found in history by a backfill: its own cohort. */
      readonly preExisting: boolean;
      readonly repository?: string;
      /** Why there is an incident; absent = the credential leaked. */
      readonly cause?: Cause;
      /** A runtime event on an AI identity; absent = a credential, which leaked. */
      readonly kind?: RuntimeKind;
      readonly report?: RuntimeFacts;
    }
  /** A source reported it again, or with other facts. `occurredAt` is the source's clock, ISO 8601 UTC, never later than now. */
  | { readonly type: "reported"; readonly severity: Severity; readonly occurredAt: string; readonly report: RuntimeFacts }
  /** The call was made with a credential that leaked: a gateway named the hash of its value. */
  | { readonly type: "credential-linked"; readonly incident: string; readonly method: "key-hash"; readonly evidence: string }
  /** A person ended a runtime event; `contained`: what happened can go no further. */
  | { readonly type: "resolved"; readonly by: string; readonly reason: string; readonly contained: boolean }
  | {
      readonly type: "occurrence-added";
      readonly place: string;
      readonly commit?: string;
      readonly pullRequest?: number;
      readonly pushedBy?: string;
    }
  | {
      readonly type: "identity-linked";
      readonly identity: string;
      readonly kind: string;
      readonly name: string;
      readonly owner?: string;
      readonly grade: string;
      readonly environment?: string;
      /** How it is known (`runtime-name`, `key-hash`), and in one sentence why; absent for what a scan found, whose places say it. */
      readonly method?: string;
      readonly evidence?: string;
    }
  | {
      readonly type: "validity-observed";
      readonly validity: Validity;
      readonly code: string;
      readonly control: "none" | "receipt" | "new-credential" | "other-live";
    }
  /** The vendor saw somebody use it who is no declared consumer. Who that was stands in the plan: addresses are personal data. */
  | { readonly type: "unknown-use-seen" }
  | { readonly type: "acknowledged"; readonly by: string }
  /** An alert of GitHub's own secret scanning about this credential, as it stands there. Whoever closes it there asks; nobody has decided. */
  | {
      readonly type: "alert-seen";
      readonly repository: string;
      readonly repositoryId: number;
      readonly number: number;
      readonly state: "open" | "resolved";
      /** GitHub's word: false_positive, wont_fix, revoked, used_in_tests, … */
      readonly resolution?: string;
      /** Who closed it: a login, or `rekey`. */
      readonly by?: string;
      readonly publiclyLeaked: boolean;
      /** What GitHub's own check says, which is no receipt. */
      readonly validity?: Validity;
    }
  | { readonly type: "planned"; readonly planHash: string; readonly playbook: string }
  | { readonly type: "approved"; readonly planHash: string; readonly by: string; readonly role: string }
  /** Somebody asks to rotate past pause, caps and rehearsal; two such people are needed. */
  | { readonly type: "break-glass"; readonly planHash: string; readonly by: string; readonly reason: string }
  | { readonly type: "run-started"; readonly run: string; readonly planHash: string }
  | { readonly type: "run-held"; readonly run: string; readonly code: string; readonly message: string }
  | { readonly type: "run-ended"; readonly run: string; readonly result: "done" | "undone" | "held" | "failed" }
  /** A credential that a run made and lost, found and removed later. */
  | { readonly type: "orphan-removed"; readonly run: string; readonly record: string }
  | { readonly type: "contained"; readonly run?: string }
  | { readonly type: "replaced"; readonly run: string }
  | { readonly type: "revoked"; readonly run?: string; readonly by?: string }
  | { readonly type: "revoked-by-statement"; readonly by: string; readonly how: string }
  /** Proven by probes with a control or by the control plane. `whenFound`: inactive at the first probe, counted apart. */
  | { readonly type: "dead"; readonly proof: "probe" | "control-plane" | "both"; readonly receipts: number; readonly whenFound: boolean }
  | { readonly type: "false-positive"; readonly by: string; readonly reason: string }
  /** Somebody asks to live with it until a date. `vouched`: GitHub says who asked; a program or the operator is no person. */
  | {
      readonly type: "exception-asked";
      readonly by: string;
      readonly reason: string;
      readonly until: string;
      readonly vouched: boolean;
    }
  /** One of the security team agrees, and more people are needed. */
  | { readonly type: "exception-agreed"; readonly by: string }
  | { readonly type: "exception-declined"; readonly by: string; readonly reason: string }
  /** `by` asked for it, `approver` had the last word; absent where one person was enough. */
  | { readonly type: "accepted"; readonly by: string; readonly reason: string; readonly until: string; readonly approver?: string }
  | { readonly type: "used-in-tests"; readonly by: string; readonly reason: string }
  | { readonly type: "acceptance-expired" }
  /** Somebody ended an acceptance before its date. */
  | { readonly type: "exception-ended"; readonly by: string; readonly reason: string }
  | { readonly type: "reopened"; readonly why: string }
  | { readonly type: "closed"; readonly resolution: "revoked" | "false_positive" | "wont_fix" | "used_in_tests" };

/** An event as it stands in the log. `at` is the database's time, ISO 8601 UTC; `seq` counts from 1 in its stream. */
export interface Recorded<E> {
  readonly stream: string;
  readonly seq: number;
  readonly at: string;
  readonly event: E;
}
