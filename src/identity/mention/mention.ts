import type { IdentityKind } from "../../finding.ts";
import type { GraphNode } from "../model.ts";

/** A file says the name of an environment variable, or that somebody is given all of a store entry (`envFrom`, a mounted secret). */
export interface Mention {
  /** Absent where a whole entry is given; then `by` and `from` are there. */
  readonly variable?: string;
  /** 1-based. */
  readonly line: number;
  /** "reads", "passes", "sets": for the sentence of the evidence. */
  readonly verb: string;
  /** Who uses it: `program` is the program that the file is a part of. Absent where the file only gives it a value. */
  readonly by?: { readonly kind: IdentityKind; readonly name: string; readonly line: number } | "program";
  /** Where its value comes from. */
  readonly from?: GraphNode;
}

/** What a reader knows of the rest of the repository. */
export interface MentionContext {
  readonly scope: string;
  readonly textOf: ReadonlyMap<string, string>;
  /** External Secrets: `<namespace>/<secret>#<key>` of Kubernetes, or `<namespace>/<secret>#` for all of it → the entry that it copies. */
  readonly copies: ReadonlyMap<string, GraphNode>;
  /** Secrets Store CSI: `<namespace>/<class>` → the entries that a pod which mounts it is given. */
  readonly mounts: ReadonlyMap<string, readonly GraphNode[]>;
}

/** A kind of file that names variables: one file in this folder, one line in the technique. Never throws. */
export interface MentionReader {
  readonly takes: (path: string) => boolean;
  readonly read: (path: string, text: string, context: MentionContext) => readonly Mention[];
}

/** A hostile file names at most this many. */
export const mostMentions = 2000;

/** 1-based lines of ascending offsets, without counting from the start again for each. */
export function lineCounter(text: string): (offset: number) => number {
  let [at, line] = [0, 1];
  return (offset) => {
    if (offset < at) [at, line] = [0, 1];
    for (let next = text.indexOf("\n", at); next !== -1 && next < offset; next = text.indexOf("\n", at)) [at, line] = [next + 1, line + 1];
    return line;
  };
}
