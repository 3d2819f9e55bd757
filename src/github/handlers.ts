import type { Fields } from "./envelope.ts";

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
  pullRequest(repository: EventRepository, number: number, event: { action: string; sender: string; receivedAt: string }): Promise<void>;
  push(repository: EventRepository, event: Fields & { receivedAt: string }): Promise<void>;
  comment(repository: EventRepository, number: number, event: { comment: number; sender: string; bot: boolean }): Promise<void>;
  ticked(
    repository: EventRepository,
    number: number,
    event: { boxes: readonly { incident: string; plan: string }[]; comment: number; sender: string; bot: boolean },
  ): Promise<void>;
  button(repository: EventRepository, event: { checkRun: number; identifier: string; sender: string }): Promise<void>;
}
