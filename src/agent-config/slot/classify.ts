import type { SlotKind } from "../../finding.ts";
import { everyDialect, type Grammar, referencesIn } from "./grammar.ts";
import { isPlaceholder } from "./placeholder.ts";

/** What a slot's text is. Offsets count UTF-16 units of the value. */
export interface Reading {
  readonly kind: SlotKind;
  /** The first name that a reference gives. */
  readonly reference?: string;
  /** A store URI. */
  readonly store?: string;
  /** The literal residue; for `mixed` with residue on both sides, and where nothing is literal, the whole value. */
  readonly start: number;
  readonly end: number;
}

/** Longer values are judged by their start: no reference and no placeholder is that long. */
const longest = 16_384;

/**
 * Classes a value with the grammar of the client that reads it (identity.md 1.1). The same text is a reference to one client
 * and a literal to another, so there is no answer without the grammar.
 */
export function classify(value: string, grammar: Grammar): Reading {
  if (value.length > longest) return { kind: "literal", start: 0, end: value.length };
  const lead = scheme(value);
  const start = lead + leadingSpace(value.slice(lead));
  const body = value.slice(start).trimEnd();
  const whole = { start, end: start + body.length };

  if (isStoreUri(body)) return { kind: "reference", store: body, ...whole };
  const own = referencesIn(body, grammar);
  if (own.length > 0) return withReferences(body, own, start);

  const foreign = referencesIn(body, everyDialect);
  const [first] = foreign;
  if (first !== undefined && foreign.length === 1 && first.end - first.start === body.length) {
    const fallback = literalDefault(body, first.default);
    const named = first.name === undefined ? {} : { reference: first.name };
    // The client sends the text as it stands, and the default in it is a literal all the same.
    if (fallback !== undefined) return { kind: "default_literal", ...named, start: start + fallback.start, end: start + fallback.end };
    return { kind: "dead_reference", ...named, ...whole };
  }
  return { kind: isPlaceholder(body) ? "placeholder" : "literal", ...whole };
}

/** The class of a field that is by schema a name: `variable` only where the text can be one. */
export function classifyName(value: string): Reading & { readonly variable?: string } {
  const name = value.trim();
  const usable = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(name);
  return { kind: "names_only", ...(usable ? { variable: name, reference: name } : {}), start: 0, end: value.length };
}

/** The length of `Authorization:` and `Bearer`, `Basic`, `token` at the start of a value. */
export function scheme(value: string): number {
  return /^\s{0,16}(?:authorization\s{0,4}[:=]\s{0,4})?(?:(?:bearer|basic|token|apikey|api-key)\s{1,8})?/i.exec(value)?.[0].length ?? 0;
}

/** Addresses in a secret manager, whichever tool resolves them. A password in the address makes it a literal. */
export function isStoreUri(text: string): boolean {
  if (text.length > 1024 || /\s/.test(text.replace(/^\{\{resolve:|\}\}$/g, ""))) return false;
  if (/^[a-z+]+:\/\/[^/@]*:[^/@]*@/i.test(text)) return false;
  return storeUris.some((pattern) => pattern.test(text));
}

const storeUris = [
  /^op:\/\/[^/]+\/[^/]+\/.+$/,
  /^(?:vault|bao|akv|gcpsm|awssm|keyring|secretref):(?:\/\/)?[\w./#@:-]+$/i,
  /^ref\+[a-z0-9]+:\/\/.+$/,
  /^arn:aws[a-z-]{0,12}:(?:secretsmanager|ssm):[\w:/+=,.@-]+$/,
  /^\{\{resolve:(?:secretsmanager|ssm|ssm-secure):[^{}]+\}\}$/,
  /^projects\/[^/]+\/secrets\/[^/]+(?:\/versions\/[^/]+)?$/,
  /^@Microsoft\.KeyVault\([^()]+\)$/,
];

function withReferences(body: string, own: ReturnType<typeof referencesIn>, offset: number): Reading {
  const name = own.find((reference) => reference.name !== undefined)?.name;
  const named = name === undefined ? {} : { reference: name };
  for (const reference of own) {
    const fallback = literalDefault(body, reference.default);
    if (fallback !== undefined) return { kind: "default_literal", ...named, start: offset + fallback.start, end: offset + fallback.end };
  }
  const pieces = residues(body, own);
  const [piece] = pieces;
  if (piece === undefined) return { kind: "reference", ...named, start: offset, end: offset + body.length };
  if (pieces.length > 1) return { kind: "mixed", ...named, start: offset, end: offset + body.length };
  return { kind: "mixed", ...named, start: offset + piece.start, end: offset + piece.end };
}

function literalDefault(body: string, fallback: { start: number; end: number } | undefined): { start: number; end: number } | undefined {
  if (fallback === undefined) return undefined;
  return isPlaceholder(body.slice(fallback.start, fallback.end)) ? undefined : fallback;
}

/** What is left of a value without its references, less the spaces and separators around. */
function residues(body: string, own: ReturnType<typeof referencesIn>): { start: number; end: number }[] {
  const gaps = [...own, { start: body.length, end: body.length }].map((reference, index) => ({
    start: own[index - 1]?.end ?? 0,
    end: reference.start,
  }));
  return gaps.filter(({ start, end }) => /[A-Za-z0-9]/.test(body.slice(start, end)));
}

function leadingSpace(text: string): number {
  return text.length - text.trimStart().length;
}
