/** What a source can tell of an identity. */
export const eventKinds = [
  "leak-in-code",
  "leak-in-conversation",
  "leak-at-runtime",
  "runtime-event",
  "stored-copy",
  "use",
  "end-of-life",
] as const;
export type EventKind = (typeof eventKinds)[number];

/** What an identity needs somebody to watch: the kinds of which one is enough. */
export const watched = {
  build: ["leak-in-code"],
  runtime: ["leak-at-runtime", "runtime-event", "use"],
  "incident-response": ["end-of-life", "stored-copy"],
} as const satisfies Readonly<Record<string, readonly EventKind[]>>;
export type Watched = keyof typeof watched;

/** An identity as coverage looks at it. */
export interface CoveredIdentity {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly owner?: string;
  /** `owner/name`. */
  readonly repository?: string;
}

/** Something that is connected, and which identities it tells of. */
export interface Source {
  readonly name: string;
  readonly type: "github-app" | "secret-manager" | "provider" | "runtime" | "consumer";
  readonly kinds: readonly EventKind[];
  readonly covers: (identity: CoveredIdentity) => boolean;
  /** What is missing before it tells anything. */
  readonly needs?: string;
}

export interface Coverage {
  readonly version: 1;
  readonly identities: number;
  readonly sources: readonly {
    readonly name: string;
    readonly type: Source["type"];
    readonly kinds: readonly EventKind[];
    readonly identities: number;
    readonly needs?: string;
  }[];
  /** Identities that lack somebody to watch them, the least watched first. */
  readonly uncovered: readonly (CoveredIdentity & { readonly lacks: readonly Watched[]; readonly by: readonly string[] })[];
  /** Kinds of events that no source reports of anybody. */
  readonly silent: readonly EventKind[];
}

/** Which identities each source covers, and which nobody does. A source that needs something covers nothing until it has it. */
export function coverageOf(identities: readonly CoveredIdentity[], sources: readonly Source[]): Coverage {
  const counts = new Map<Source, number>();
  const uncovered: Coverage["uncovered"][number][] = [];
  for (const identity of identities) {
    const by = sources.filter(({ needs, covers }) => needs === undefined && covers(identity));
    for (const source of by) counts.set(source, (counts.get(source) ?? 0) + 1);
    const kinds = new Set(by.flatMap((source) => source.kinds));
    const lacks = (Object.keys(watched) as Watched[]).filter((phase) => !watched[phase].some((kind) => kinds.has(kind)));
    if (lacks.length === 0) continue;
    const { id, kind, name, owner, repository } = identity;
    uncovered.push({
      id,
      kind,
      name,
      ...(owner === undefined ? {} : { owner }),
      ...(repository === undefined ? {} : { repository }),
      lacks,
      by: by.map((source) => source.name),
    });
  }
  const told = new Set(sources.flatMap((source) => ((counts.get(source) ?? 0) > 0 ? source.kinds : [])));
  return {
    version: 1,
    identities: identities.length,
    sources: sources.map((source) => ({
      name: source.name,
      type: source.type,
      kinds: source.kinds,
      identities: counts.get(source) ?? 0,
      ...(source.needs === undefined ? {} : { needs: source.needs }),
    })),
    uncovered: uncovered.toSorted((a, b) => b.lacks.length - a.lacks.length || (a.id < b.id ? -1 : 1)),
    silent: eventKinds.filter((kind) => !told.has(kind)),
  };
}
