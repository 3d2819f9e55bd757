import type { HttpAnswer } from "../http.ts";
import type { Message } from "./message.ts";

/** Somewhere that messages go to. `send` throws where it was not taken; then it is sent again, later. */
export interface Target {
  readonly name: string;
  /** Gives what the outside calls what was made, if that matters later. */
  send(message: Message, known: { readonly externalId?: string | undefined }): Promise<string | undefined>;
}

/** Not taken; `again` says whether trying later can help. Names the target and the status, never an address. */
export class NotTakenError extends Error {
  override readonly name = "NotTakenError";
  readonly again: boolean;

  constructor(target: string, { status }: Pick<HttpAnswer, "status">) {
    super(`${target} answered ${status}`);
    this.again = status === 408 || status === 429 || status >= 500;
  }
}
