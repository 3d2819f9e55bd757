import { isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import type { IdentityKind } from "../finding.ts";
import { parseStrictYaml } from "../strict-yaml.ts";

/** Where people correct the inventory; read from the default branch only. */
export const declaredPath = ".rekey/identities.yml";

const kinds = [
  "agent",
  "agent-instance",
  "mcp-server",
  "tool",
  "model-endpoint",
  "model-api-key",
  "retrieval-store",
  "service-account",
  "cloud-role",
  "ci-job",
  "workload",
  "app-installation",
  "oauth-client",
  "human-token",
] as const satisfies readonly IdentityKind[];

const word = z.string().min(1).max(200);
const place = z.strictObject({ connection: word, path: word, field: word.optional() });
const consumer = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][\w.-]{0,99}$/, "expected letters, digits, '.', '_' and '-'"),
  report: z.enum(["version", "last-used", "confirm"]),
});

const credential = z.strictObject({
  detector: z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, "expected a detector's id, such as openrouter-api-key"),
  stored_in: z.array(place).max(50).default([]),
  /** Absent = unknown, which is not the same as `none`. */
  consumers: z.union([z.literal("none"), z.array(consumer).min(1).max(200)]).optional(),
});

const identity = z.strictObject({
  kind: z.enum(kinds),
  name: word,
  /** The id that Rekey gave an inferred identity: what is declared here is about that one. */
  id: word.optional(),
  owner: z
    .string()
    .regex(/^(@[\w-]+(\/[\w.-]+)?|[^\s@]+@[^\s@]+)$/, "expected '@user', '@org/team' or an e-mail address")
    .optional(),
  /** Absent = production. */
  environment: word.optional(),
  credentials: z.array(credential).max(100).default([]),
});

const IdentitiesFile = z.strictObject({ version: z.literal(1), identities: z.array(identity).max(2000) });

export type DeclaredPlace = z.output<typeof place>;
export type DeclaredConsumer = z.output<typeof consumer>;
export type DeclaredCredential = z.output<typeof credential>;
export interface DeclaredIdentity extends z.output<typeof identity> {
  /** 1-based. */
  readonly line: number;
}

export interface DeclaredIdentities {
  readonly path: string;
  readonly identities: readonly DeclaredIdentity[];
}

/** Reads `.rekey/identities.yml` (contracts.md §8). Throws ConfigError with file, line and column; two identities of one kind and name too. */
export function parseIdentitiesFile(text: string, path: string): DeclaredIdentities {
  const { identities } = parseStrictYaml(
    text,
    path,
    IdentitiesFile.superRefine(({ identities: all }, context) => {
      const seen = new Set<string>();
      for (const [index, { kind, name }] of all.entries()) {
        if (seen.has(`${kind}\0${name}`)) {
          context.addIssue({
            code: "custom",
            path: ["identities", index],
            message: `${kind} '${name}' is declared twice; merge the two entries`,
          });
        }
        seen.add(`${kind}\0${name}`);
      }
    }),
  );
  const lines = linesOf(text);
  return { path, identities: identities.map((entry, index) => ({ ...entry, line: lines[index] ?? 1 })) };
}

/** Who must have moved to the new version before the old one may die. `none` and `unknown` are different answers (contracts.md §8). */
export type Consumers =
  | { readonly kind: "declared"; readonly consumers: readonly DeclaredConsumer[] }
  | { readonly kind: "none" }
  | { readonly kind: "unknown" };

export function consumersOf(identityId: string, detector: string, declared: DeclaredIdentities | undefined): Consumers {
  const found = credentialsOf(identityId, detector, declared).map(({ consumers }) => consumers);
  if (found.length === 0 || found.some((consumers) => consumers === undefined)) return { kind: "unknown" };
  const consumers = found.flatMap((entry) => (entry === undefined || entry === "none" ? [] : entry));
  return consumers.length === 0 ? { kind: "none" } : { kind: "declared", consumers };
}

/** The places in secret managers that hold this identity's credential of that type; an empty list where none is declared. */
export function sinksOf(identityId: string, detector: string, declared: DeclaredIdentities | undefined): readonly DeclaredPlace[] {
  return credentialsOf(identityId, detector, declared).flatMap(({ stored_in }) => stored_in);
}

/** `production` unless the declaration says otherwise; undefined where the identity is not declared. */
export function environmentOf(identityId: string, declared: DeclaredIdentities | undefined): string | undefined {
  const found = declared?.identities.find((entry) => isId(entry, identityId, declared.path));
  return found === undefined ? undefined : (found.environment ?? "production");
}

/** The id of a declared identity: the inferred one's that it names, or `<kind>:<scope>#<path>#<name>`. */
export function declaredId({ id, kind, name }: Pick<DeclaredIdentity, "id" | "kind" | "name">, scope: string, path: string): string {
  return id ?? `${kind}:${scope}#${path}#${name}`;
}

function credentialsOf(identityId: string, detector: string, declared: DeclaredIdentities | undefined): DeclaredCredential[] {
  const found = declared?.identities.filter((entry) => isId(entry, identityId, declared.path)) ?? [];
  return found.flatMap(({ credentials }) => credentials.filter((entry) => entry.detector === detector));
}

/** Whatever the scope: one file declares for one repository. */
function isId(entry: DeclaredIdentity, id: string, path: string): boolean {
  if (entry.id !== undefined) return entry.id === id;
  return (
    id.startsWith(`${entry.kind}:`) && id.endsWith(`#${path}#${entry.name}`) && id.length > `${entry.kind}:#${path}#${entry.name}`.length
  );
}

function linesOf(text: string): number[] {
  const counter = new LineCounter();
  const root = parseDocument(text, { lineCounter: counter }).contents;
  const list = isMap(root) ? root.items.find((pair) => isScalar(pair.key) && pair.key.value === "identities")?.value : undefined;
  if (!isSeq(list)) return [];
  return list.items.map((item) => (isMap(item) ? counter.linePos(item.range?.[0] ?? 0).line : 1));
}
