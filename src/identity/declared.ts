import { isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import type { IdentityKind, IdentityLink } from "../finding.ts";
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
const place = z.strictObject({
  connection: word,
  path: word,
  /** Absent = the whole entry is the value. */
  field: word.optional(),
  /** Which fields take what a new credential brings beside its secret, such as `{ username: PGUSER }`. */
  companions: z.record(z.string().regex(/^[a-z][a-z0-9_]*$/, "expected a companion's name, such as username"), word).optional(),
  /** `url`: the field holds a URL, of which the secret is the password and the companion `username` the user. */
  format: z.literal("url").optional(),
});
const consumer = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][\w.-]{0,99}$/, "expected letters, digits, '.', '_' and '-'"),
  report: z.enum(["version", "last-used", "confirm"]),
  /** How the vendor's record of uses names it: client address, user agent, application name. */
  seen_as: z.array(word).max(50).optional(),
});

const credential = z.strictObject({
  detector: z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, "expected a detector's id, such as openrouter-api-key"),
  stored_in: z.array(place).max(50).default([]),
  /** Made to be stolen: never contained or rotated, since its use is the alarm. */
  honeytoken: z.literal(true).optional(),
  /** Where the vendor has two slots: nobody uses the other one, so that it may be regenerated. */
  other_slot: z.literal("unused").optional(),
  /** Absent = unknown, which is not the same as `none`. */
  consumers: z.union([z.literal("none"), z.array(consumer).min(1).max(200)]).optional(),
});

const person = z.string().regex(/^(@[\w-]+(\/[\w.-]+)?|[^\s@]+@[^\s@]+)$/, "expected '@user', '@org/team' or an e-mail address");

const identity = z.strictObject({
  kind: z.enum(kinds),
  name: z.string().regex(/^[^#\p{Cc}\p{Cf}]{1,200}$/u, "expected a name of at most 200 characters without '#'"),
  /** The id that Rekey gave an inferred identity: what is declared here is about that one. */
  id: word.optional(),
  owner: person.optional(),
  /** Who answers for it where the owner does not: the person behind an agent that works by itself. */
  sponsor: person.optional(),
  /** Absent = production. */
  environment: word.optional(),
  credentials: z.array(credential).max(100).default([]),
});

/** Bait without an identity of its own: by value (as `rekey scan --format json` shows it), by the AWS account that issues it, by its server. */
const honeytoken = z.union([
  z.strictObject({ fingerprint: z.string().regex(/^(fp1|rs1):[0-9a-f]{8}:[\w-]{43}$/, "expected a fingerprint, fp1:… or rs1:…") }),
  z.strictObject({ aws_account: z.string().regex(/^\d{12}$/, "expected the 12 digits of an AWS account") }),
  z.strictObject({ host: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/, "expected a host name without port") }),
]);

const IdentitiesFile = z.strictObject({
  version: z.literal(1),
  identities: z.array(identity).max(2000).default([]),
  honeytokens: z.array(honeytoken).max(1000).default([]),
});

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
  readonly honeytokens: readonly z.output<typeof honeytoken>[];
}

/** Reads `.rekey/identities.yml` (contracts.md §8). Throws ConfigError with file, line and column; two identities of one kind and name too. */
export function parseIdentitiesFile(text: string, path: string): DeclaredIdentities {
  const { identities, honeytokens } = parseStrictYaml(
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
  return { path, identities: identities.map((entry, index) => ({ ...entry, line: lines[index] ?? 1 })), honeytokens };
}

/** Who must have moved to the new version before the old one may die. `none` and `unknown` are different answers (contracts.md §8). */
export type Consumers =
  | { readonly kind: "declared"; readonly consumers: readonly DeclaredConsumer[] }
  | { readonly kind: "none" }
  | { readonly kind: "unknown" };

/** `variable` is the finding's; it tells two credentials of one type apart by the field that they are stored in. */
export function consumersOf(identityId: string, detector: string, declared: DeclaredIdentities | undefined, variable?: string): Consumers {
  const consumers = credentialOf(identityId, detector, declared, variable)?.consumers;
  if (consumers === undefined) return { kind: "unknown" };
  return consumers === "none" ? { kind: "none" } : { kind: "declared", consumers };
}

/** The places in secret managers that hold this identity's credential of that type; empty where none, or more than one such credential, is declared. */
export function sinksOf(
  identityId: string,
  detector: string,
  declared: DeclaredIdentities | undefined,
  variable?: string,
): readonly DeclaredPlace[] {
  return credentialOf(identityId, detector, declared, variable)?.stored_in ?? [];
}

/**
 * What is declared of the identity that a credential authenticates as. Only a link of the grade `confirmed` or `strong` counts: a
 * declaration that fits by its type alone must neither lower the approvals nor name the place that a new value is written to.
 */
export function declarationOf(
  links: readonly IdentityLink[],
  detector: string,
  declared: DeclaredIdentities | undefined,
  variable?: string,
):
  | {
      link: IdentityLink;
      environment: string;
      consumers: Consumers;
      sinks: readonly DeclaredPlace[];
      otherSlot?: "unused";
      honeytoken?: true;
    }
  | undefined {
  const link = links.find(
    ({ id, relation, grade }) =>
      relation === "authenticates_as" && (grade === "confirmed" || grade === "strong") && environmentOf(id, declared) !== undefined,
  );
  if (link === undefined) return undefined;
  return {
    link,
    environment: environmentOf(link.id, declared) ?? "production",
    consumers: consumersOf(link.id, detector, declared, variable),
    sinks: sinksOf(link.id, detector, declared, variable),
    ...(credentialOf(link.id, detector, declared, variable)?.other_slot === undefined ? {} : { otherSlot: "unused" }),
    ...(credentialOf(link.id, detector, declared, variable)?.honeytoken === undefined ? {} : { honeytoken: true }),
  };
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

/** The one credential that is meant; undefined where the declaration leaves a choice. */
function credentialOf(
  identityId: string,
  detector: string,
  declared: DeclaredIdentities | undefined,
  variable: string | undefined,
): DeclaredCredential | undefined {
  const found = declared?.identities.filter((entry) => isId(entry, identityId, declared.path)) ?? [];
  const all = found.flatMap(({ credentials }) => credentials.filter((entry) => entry.detector === detector));
  const meant =
    all.length < 2 ? all : all.filter(({ stored_in }) => stored_in.some(({ field }) => field !== undefined && field === variable));
  return meant.length === 1 ? meant[0] : undefined;
}

/** Whatever the scope, which has no `#`: a name that a stranger chose cannot end in our path. */
function isId(entry: DeclaredIdentity, id: string, path: string): boolean {
  if (entry.id !== undefined) return entry.id === id;
  const [start, end] = [`${entry.kind}:`, `#${path}#${entry.name}`];
  if (!id.startsWith(start) || !id.endsWith(end)) return false;
  return /^[^#]+$/.test(id.slice(start.length, id.length - end.length));
}

function linesOf(text: string): number[] {
  const counter = new LineCounter();
  const root = parseDocument(text, { lineCounter: counter }).contents;
  const list = isMap(root) ? root.items.find((pair) => isScalar(pair.key) && pair.key.value === "identities")?.value : undefined;
  if (!isSeq(list)) return [];
  return list.items.map((item) => (isMap(item) ? counter.linePos(item.range?.[0] ?? 0).line : 1));
}
