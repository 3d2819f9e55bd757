import type { ControlsFile } from "../governance/controls.ts";
import type { Coverage, CoveredIdentity } from "../governance/coverage.ts";
import type { GovernedIdentity } from "../governance/overview.ts";

/** What is governed as a whole; the pipeline gives it. */
export interface Estate {
  identities(): Promise<readonly GovernedIdentity[]>;
  coverage(visible: (identity: CoveredIdentity) => boolean): Promise<Coverage>;
  readonly controls: ControlsFile | undefined;
  /** The logins behind each owner. */
  people(owners: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>;
  /** How many events stand in the log. */
  events(): Promise<number>;
}
