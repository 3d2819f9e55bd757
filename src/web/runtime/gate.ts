import type { Mapping } from "../../incident/mapping.ts";
import type { RuntimeEvent, RuntimeHints } from "../../incident/runtime.ts";
import type { Secret } from "../../secret.ts";

/** What was found in a text: never the value. Offsets are of its UTF-8 bytes. */
export interface RuntimeFinding {
  readonly title: string;
  readonly confidence: "high" | "medium" | "low";
  readonly byteStart: number;
  readonly byteEnd: number;
  /** Absent where nothing is opened for it: too uncertain, or too much of this source is open. */
  readonly incident?: string;
}

/** A text as a gateway, a trace or a hook reported it. */
export interface RuntimeText {
  /** Who reported it: a source of the configuration. */
  readonly source: string;
  /** Ends in `.json` where the text is JSON. */
  readonly path: string;
  readonly text: string;
  /** What the source says of the agent; anybody with the source's token can say it. */
  readonly hints: RuntimeHints;
}

/** Somebody at work, as a source calls them. */
export interface RuntimeSighting {
  readonly source: string;
  readonly hints: RuntimeHints;
  readonly model?: string;
}

/** How events were taken: every one is in exactly one of the first three numbers. */
export interface TakenEvents {
  /** Opened an incident, or became part of one. */
  readonly taken: number;
  /** Were there already. */
  readonly known: number;
  /** Counted only, since too many incidents of this source are open. */
  readonly heldBack: number;
  readonly incidents: readonly string[];
}

export interface RuntimeSource {
  readonly name: string;
  readonly requestsPerMinute: number;
  /** How its webhooks become events; absent = it sends ours. */
  readonly mapping?: Mapping;
}

export interface RuntimeGate {
  /** The source whose bearer token this is. */
  readonly verify: (token: string) => RuntimeSource | undefined;
  /** The source of this name with the secret that its webhooks are signed with. */
  readonly signed: (name: string) => { readonly source: RuntimeSource; readonly secret: Secret } | undefined;
  /** Scans in memory and keeps only what was found. May open an incident, never starts a rotation. */
  readonly scan: (text: RuntimeText) => Promise<readonly RuntimeFinding[]>;
  /** Makes events incidents of their identity. Never starts a rotation. */
  readonly take: (events: readonly RuntimeEvent[]) => Promise<TakenEvents>;
  /** Notes who was at work. */
  readonly see: (sightings: readonly RuntimeSighting[]) => Promise<void>;
}
