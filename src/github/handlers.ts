/** The repository that an event came from. */
export interface EventRepository {
  readonly installation: number;
  readonly id: number;
  readonly fullName: string;
  readonly private: boolean;
  readonly defaultBranch: string;
}

/** What `app.ts` binds webhook events to; `pipeline.ts` implements it. Handlers read envelope fields only and re-read the rest. */
export interface Handlers {
  /** Opened, moved, reopened, retargeted, closed. */
  pullRequest(repository: EventRepository, number: number, event: { sender: string; receivedAt: string }): Promise<void>;
  push(
    repository: EventRepository,
    event: { ref: string; before: string; after: string; sender: string; receivedAt: string },
  ): Promise<void>;
  mergeGroup(repository: EventRepository, event: { base: string; head: string; sender: string; receivedAt: string }): Promise<void>;
  comment(repository: EventRepository, number: number, event: { comment: number; sender: string; bot: boolean }): Promise<void>;
  /** A comment was written or changed, by whoever: its text may hold a credential. */
  commented(repository: EventRepository, number: number, event: { comment: number; sender: string; receivedAt: string }): Promise<void>;
  ticked(
    repository: EventRepository,
    number: number,
    event: { boxes: readonly { incident: string; plan: string }[]; comment: number; sender: string; bot: boolean },
  ): Promise<void>;
  /** An alert of GitHub's secret scanning was raised, closed, reopened, or its value found in public. */
  alert(repository: EventRepository, number: number): Promise<void>;
  button(repository: EventRepository, event: { checkRun: number; identifier: string; sender: string }): Promise<void>;
  /** "Re-run" of our check, or of every check of a commit. */
  rerequested(repository: EventRepository, event: { head: string; sender: string; receivedAt: string }): Promise<void>;
  /** Renamed, transferred, made public or private, default branch changed. */
  repositoryChanged(repository: EventRepository): Promise<void>;
  installed(
    installation: Installation,
    state: "active" | "suspended" | "deleted",
    repositories: readonly ListedRepository[],
  ): Promise<void>;
  repositoriesRemoved(installation: number, ids: readonly number[]): Promise<void>;
}

export interface Installation {
  readonly id: number;
  readonly account: { readonly id: number; readonly login: string };
}

/** What an installation's events say of a repository; the rest is asked. */
export interface ListedRepository {
  readonly installation: number;
  readonly id: number;
  readonly fullName: string;
}
