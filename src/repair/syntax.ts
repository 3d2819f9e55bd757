import type { Finding } from "../finding.ts";

/** A finding in the text of its file as it is now. Offsets are UTF-16 units, ends exclusive. */
export interface Target {
  readonly path: string;
  readonly text: string;
  /** The narrowest text that grants access. */
  readonly start: number;
  readonly end: number;
  readonly finding: Finding;
  /** The environment variable that is to hold the value: what the graph knows, else made of the credential's title. */
  readonly variable: string;
  /** `name` of a Kubernetes secret that the graph knows to hold the variable. */
  readonly kubernetesSecret?: string | undefined;
}

export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** How the file is to be written instead. */
export interface Rewrite {
  readonly edits: readonly Edit[];
  /** What is written, in the file's own syntax: `${env:X}`. */
  readonly reference: string;
  /** Its name: a variable, or an entry of the platform's store. */
  readonly name: string;
  /** Where the value must now be put, as sentences. */
  readonly next: readonly string[];
}

/** Why nothing is rewritten, and what a person can do. */
export interface NoRewrite {
  readonly none: string;
}

/** One kind of file: one file in syntax/, one line in repair.ts. Pure, never throws. */
export interface Syntax {
  readonly takes: (target: Target) => boolean;
  readonly rewrite: (target: Target) => Rewrite | NoRewrite;
}

export function isRewrite(repair: Rewrite | NoRewrite): repair is Rewrite {
  return "edits" in repair;
}

/** The edits, applied; they must not overlap. */
export function applied(text: string, edits: readonly Edit[]): string {
  let result = text;
  for (const { start, end, text: fresh } of edits.toSorted((a, b) => b.start - a.start)) {
    result = result.slice(0, start) + fresh + result.slice(end);
  }
  return result;
}

/** Where an offset of the old text is in the new one. */
export function moved(offset: number, edits: readonly Edit[]): number {
  return edits.reduce((at, { start, end, text }) => (end <= offset ? at + text.length - (end - start) : at), offset);
}

/** The line end that a file uses. */
export function newlineOf(text: string): "\r\n" | "\n" {
  return /\r\n/.test(text) && !/[^\r]\n/.test(text) ? "\r\n" : "\n";
}

export function lineStart(text: string, at: number): number {
  return text.lastIndexOf("\n", at - 1) + 1;
}

/** The end of a line, without its line end. */
export function lineEnd(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  if (end === -1) return text.length;
  return text[end - 1] === "\r" ? end - 1 : end;
}

export function basename(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
