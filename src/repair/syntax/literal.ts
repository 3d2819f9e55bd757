import type { NoRewrite, Rewrite, Target } from "../syntax.ts";

/** A string literal that the value stands in. Offsets are those of the quotes, the end behind the closing one. */
export interface Literal {
  readonly start: number;
  readonly end: number;
  readonly quote: string;
  /** The value is all that the literal says. */
  readonly whole: boolean;
  /** What stands before and behind the value in the literal. */
  readonly before: string;
  readonly after: string;
}

export interface Language {
  readonly files: RegExp;
  readonly quotes: string;
  readonly rewrite: (target: Target, literal: Literal, bare: string) => Rewrite | NoRewrite;
}

export function replaced({ start, end }: Literal, expression: string, name: string): Rewrite {
  return {
    edits: [{ start, end, text: expression }],
    reference: expression,
    name,
    next: [`Set ${name} in the environment that the program runs in, from your secret manager.`],
  };
}

export function partOf(variable: string): NoRewrite {
  return { none: `only a part of the string is secret; put it together from ${variable} of the environment by hand` };
}
