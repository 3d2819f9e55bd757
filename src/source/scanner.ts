import { clientFor } from "../agent-config/index.ts";
import type { Document, Skipped } from "../document.ts";
import { type Finding, findingId, fingerprintableBits } from "../finding.ts";
import { mayBeTranscript, transcriptFor } from "../transcript/index.ts";

/** Whether a document holds nothing, and nothing has to be said about it. */
export function isClean(document: Document, scan: Scan): boolean {
  let silent = true;
  const onUnread = () => {
    silent = false;
  };
  return scan({ ...document, onUnread }).length === 0 && silent;
}

/** How a source turns a document into findings; ruleset and keyring stand behind it. Must not keep `document.bytes`. */
export type Scan = (document: Document) => readonly Finding[];

export interface Stats {
  /** Files, or unique blobs. */
  readonly files: number;
  readonly bytes: number;
  readonly skipped: readonly Skipped[];
  /** False where something could not be read: the answer may lack findings. */
  readonly complete: boolean;
  /** Of a scan of a person's agent clients: which have files here. */
  readonly clients?: readonly { readonly client: string; readonly agent: string; readonly files: number }[];
}

export interface Result {
  readonly findings: readonly Finding[];
  readonly stats: Stats;
}

export type Progress = (files: number, bytes: number) => void;

export interface ScannerOptions {
  readonly scan: Scan;
  readonly progress?: Progress | undefined;
}

/** Counts what a source reads, and collects what it could not. One for each run of a source. */
export class Tally {
  #files = 0;
  #bytes = 0;
  #complete = true;
  #unlisted = 0;
  readonly #skipped: Skipped[] = [];
  readonly #reported = new Set<string>();
  readonly #options: ScannerOptions;

  constructor(options: ScannerOptions) {
    this.#options = options;
  }

  /** The findings of one document: one a credential, detector and pointer, with the number of its places as `occurrences`. */
  read(document: Document): Finding[] {
    if (["file", "stdin", "github-text"].includes(document.origin.kind)) this.#files++;
    this.#bytes += document.bytes.length;
    this.#options.progress?.(this.#files, this.#bytes);
    return this.again(document);
  }

  /** A document that holds nothing, as another of nearly the same content has shown; `files` is 0 for messages. */
  passed(bytes: number, files = 1): void {
    this.#files += files;
    this.#bytes += bytes;
    this.#options.progress?.(this.#files, this.#bytes);
  }

  /** As `read` for a document that was counted already: the same blob at another path, a further piece of a file. */
  again(document: Document): Finding[] {
    const onUnread = (reason: string, hole: boolean) => this.skip(document.origin.path ?? document.origin.kind, reason, hole);
    return folded(numbered(this.#options.scan({ ...document, onUnread })));
  }

  /** Something was not (wholly) read. `hole`: it may hold credentials that nobody has looked for. */
  skip(path: string, reason: string, hole: boolean): void {
    if (hole) this.#complete = false;
    const key = `${path}\0${reason}`;
    if (this.#reported.has(key)) return;
    this.#reported.add(key);
    if (this.#skipped.length < maxSkipped) this.#skipped.push({ path, reason });
    else this.#unlisted++;
  }

  stats(): Stats {
    const more = this.#unlisted === 0 ? [] : [{ path: ".", reason: `${this.#unlisted} more places, not listed` }];
    return { files: this.#files, bytes: this.#bytes, skipped: [...this.#skipped, ...more], complete: this.#complete };
  }
}

const maxSkipped = 10_000;

/**
 * Whether what a file means depends on its path: agent configuration and transcripts are parsed by their own grammar, so the same
 * bytes are looked at again under each such path (contracts.md §5).
 */
export function isStructured(path: string, bytes: Uint8Array): boolean {
  const head = () => Buffer.from(bytes.subarray(0, 4096)).toString("utf8");
  return clientFor(path) !== undefined || (mayBeTranscript(path) && transcriptFor(path, head()) !== undefined);
}

/** False where `isStructured` is, whatever the bytes are. */
export function mayBeStructured(path: string): boolean {
  return mayBeTranscript(path) || clientFor(path) !== undefined;
}

/** What makes two findings one (contracts.md §3), whatever the commit or line. */
export function findingKey({ fingerprint, subject, detector, location }: Finding): string {
  return [fingerprint, subject ?? "", detector, location.kind, location.path ?? "", location.pointer ?? ""].join("\0");
}

/** One finding for each key, the first one given; `occurrences` are added up. */
export function folded(findings: readonly Finding[]): Finding[] {
  if (findings.length < 2) return [...findings];
  const first = new Map<string, Finding>();
  for (const finding of findings) {
    const key = findingKey(finding);
    const known = first.get(key);
    first.set(key, known === undefined ? finding : { ...known, occurrences: known.occurrences + finding.occurrences });
  }
  return [...first.values()];
}

/**
 * Each finding with its number among those of its detector and pointer, from 1. Whoever reads an id of a weak value could guess the
 * value, since the salt is public: such ids are made of the number instead.
 */
export function numbered(findings: readonly Finding[]): Finding[] {
  const counts = new Map<string, number>();
  return findings.map((finding) => {
    const { detector, bits, location } = finding;
    const key = `${detector}\0${location.pointer ?? ""}`;
    const ordinal = (counts.get(key) ?? 0) + 1;
    counts.set(key, ordinal);
    if (bits >= fingerprintableBits) return { ...finding, ordinal };
    const { path, pointer } = location;
    return { ...finding, ordinal, id: findingId({ committed: `weak ${ordinal}`, detector, path, pointer }) };
  });
}
