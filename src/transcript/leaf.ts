/** A stretch of a transcript that somebody or something said. Offsets are 0-based bytes of the UTF-8 file, end exclusive. */
export interface Leaf {
  /** Decoded. */
  readonly text: string;
  /**
   * JSON pointer; in JSONL the 0-based line comes first: `/12/message/content/0/text`. JSON in a string goes on behind its own
   * pointer. Absent in Markdown, where lines say it.
   */
  readonly pointer?: string;
  /** The raw string in the file, without quotes. */
  readonly byteStart: number;
  readonly byteEnd: number;
  /** The raw string differs from `text`: it holds escapes, or is JSON in a string. */
  readonly escaped: boolean;
  /** `user`, `assistant`, `system`, `tool` as the file says it. */
  readonly role?: Role;
  /** 0-based, counts messages in the file. */
  readonly turn?: number;
  /** The tool that was called, or whose answer this is. */
  readonly tool?: string;
  readonly session?: string;
}

/** Who spoke decides the answer: what a tool gave was read somewhere, what a user wrote was pasted, what the assistant wrote went on. */
export type Role = "user" | "assistant" | "system" | "tool";

/** One kind of transcript: one file in this folder. */
export interface TranscriptFormat {
  /** The name of its file: `claude-code`. */
  readonly id: string;
  /** By the path, and the first 4 KiB where the path does not tell. */
  readonly takes: (path: string, head: string) => boolean;
  /** Never throws; a line that cannot be parsed is counted in `Reading.unparsed`. */
  readonly read: (text: string, path: string) => Reading;
}

export interface Reading {
  readonly leaves: Iterable<Leaf>;
  /** Lines that were not of the format. Complete once `leaves` was read to its end. */
  readonly unparsed: () => number;
}
