import type { Severity, Validity } from "../finding.ts";
import type { Plan } from "../playbook/plan.ts";

export type IncidentState =
  | "live"
  | "unverified"
  | "rotating"
  | "held"
  | "dead"
  | "dead-when-found"
  | "stated"
  | "accepted"
  | "false-positive";

/** One credential as the pull request's surfaces show it. Holds nothing that may not be shown in a private repository. */
export interface IncidentView {
  readonly id: string;
  readonly title: string;
  readonly severity: Severity;
  readonly confidence: "high" | "medium" | "low";
  readonly state: IncidentState;
  readonly validity: Validity;
  readonly identity?: { readonly kind: string; readonly name: string; readonly environment?: string; readonly owner?: string };
  readonly path?: string;
  readonly line?: number;
  readonly commit?: string;
  /** The value still stands in the head; its line there. */
  readonly headLine?: number;
  /** The head asks to silence it: `inline`, `ignore-file` or `baseline`. Only a request (contracts.md §6). */
  readonly silenceRequested?: string;
  readonly evidence: readonly string[];
  readonly revoke: string;
  readonly plan?: Plan;
  readonly approvals: readonly string[];
  readonly run?: {
    readonly state: string;
    readonly message?: string;
    readonly steps: readonly { readonly title: string; readonly done: boolean }[];
  };
  readonly statement?: { readonly by: string; readonly how: string };
  readonly reason?: string;
  /** Somebody asks to accept the risk; the hash is what who agrees repeats. */
  readonly asked?: { readonly by: string; readonly reason: string; readonly until: string; readonly hash: string };
  readonly exposedAt: string;
  readonly deadAt?: string;
  /** Where the new value is after a rotation. */
  readonly stored?: readonly { readonly connection: string; readonly path: string; readonly field?: string; readonly command?: string }[];
  readonly detectedAt: string;
  /** Said to the person who asked last, one sentence. */
  readonly note?: string;
}

export interface PullRequestView {
  readonly number: number;
  readonly headSha: string;
  readonly disclosure: "full" | "minimal" | "private";
  readonly incidents: readonly IncidentView[];
  /** False: something was not read; never green. */
  readonly complete: boolean;
  readonly reason?: string;
  readonly commits: number;
  /** A scan of this head is due. `overdue`: past the deadline, or trying again is of no use; `block`: what the check then says. */
  readonly pending?: { readonly overdue: boolean; readonly block: boolean; readonly reason?: string };
  /** New rules in the head that would silence something, and that nobody with the right has agreed to. */
  readonly requests: readonly { readonly file: string; readonly entries: number }[];
  /** A closed pull request's check is left alone; its comment still says what became of the credential. */
  readonly closed?: boolean;
  /** Answer to a command that belongs to no incident. */
  readonly note?: string;
}
