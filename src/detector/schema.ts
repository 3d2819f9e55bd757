import { z } from "zod";
import { parseStrictYaml } from "../strict-yaml.ts";

/**
 * One file a provider, `detectors/<provider>.yml` (design.md §4, contracts.md §4). A detector has exactly one of
 * - `token: 'sk-or-v1-{hex:64}'` (or a list of variants): a literal prefix and runs of character classes;
 * - `assign: { names: [mistral_api_key], value: '{alnum:32}' }`: a value behind a name, whatever the syntax
 *   (`NAME=value`, `"name": "value"`, `--name value`, header), the name in any case and with any separator; `vendor: [mistral]`
 *   stands for every key-like name behind that word (`MISTRAL_SDK_TOKEN`, `new Mistral({ apiKey: "…" })`, `mistral:` + indented `key:`);
 * - `regex: '…(?P<secret>…)…'` in RE2 syntax, with `anchors` (literals of 3 bytes or more, one of which every match contains);
 * - `parts: { id: { token…, secret: false, subject: true }, secret: { assign… } }` with `within` lines between them.
 */
const identityKinds = [
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
] as const;

const templates = z
  .union([z.string().min(3), z.array(z.string().min(3)).min(1)])
  .transform((value) => (typeof value === "string" ? [value] : value));
const words = z.array(z.string().min(3));

const assign = z
  .strictObject({
    /** `_`-separated lower-case words; a longer name that ends in them counts too (`PROD_MISTRAL_API_KEY`). */
    names: z.array(z.string().regex(/^[a-z0-9]+(_[a-z0-9]+)*$/, "expected lower-case words joined by _")).default([]),
    /** Vendor words: a key-like name (key, token, secret …) behind one of them, in the same line or the object that it opens. */
    vendor: z
      .array(
        z
          .string()
          .min(3)
          .regex(/^[a-z0-9]+([_.-][a-z0-9]+)*$/, "expected a lower-case word of 3 letters or more"),
      )
      .default([]),
    value: templates,
  })
  .refine(({ names, vendor }) => names.length + vendor.length > 0, "expected names, vendor, or both");

const pattern = {
  token: templates.optional(),
  assign: assign.optional(),
  regex: z.string().optional(),
  anchors: words.optional(),
};

/** What a check's answer can tell of a live credential; one word a fact, whatever the vendor calls it. No e-mail address. */
const facts = [
  "user",
  "user_id",
  "account",
  "account_id",
  "organization",
  "organization_id",
  "team",
  "team_id",
  "project",
  "project_id",
  "token",
  "token_id",
  "role",
  "scopes",
  "plan",
  "environment",
  "created",
  "expires",
  "last_used",
] as const;

/**
 * One read-only call that tells a live value from a refused one (src/provider/declared-check.ts). `{secret}` stands for the value,
 * `{name}` for an attribute of the finding, never in the host. The host `host.invalid` stands for a server of somebody's own.
 */
const declaredCheck = z
  .strictObject({
    method: z.enum(["GET", "POST"]),
    url: z
      .url({ protocol: /^https$/ })
      .refine((url) => !/[{}]/.test(/^https:\/\/[^/?#]*/.exec(url)?.[0] ?? "{"), "expected a literal host"),
    /** `Name: value` with `{secret}` in the value. Absent = the vendor takes the value in the URL only, or by `basic`. */
    header: z
      .string()
      .regex(/^[A-Za-z0-9_-]+: .*\{secret\}/, "expected 'Name: … {secret} …'")
      .optional(),
    /** `user:password` of HTTP basic authentication, with `{secret}` in it. */
    basic: z
      .string()
      .regex(/^[^:]*:[^:]*$/, "expected 'user:password'")
      .optional(),
    /** Further headers that the vendor asks for, such as a version. No secret. */
    headers: z.record(z.string().regex(/^[A-Za-z0-9-]+$/), z.string()).optional(),
    /** POST only: a query of GraphQL, which reads. */
    query: z
      .string()
      .regex(/^(query\b[^{]*)?\{/, "expected a query, '{ viewer { id } }'")
      .refine((query) => !/\b(mutation|subscription)\b/.test(query), "expected a query that changes nothing")
      .optional(),
    /** Status of a live value. */
    alive: z.number().int(),
    /** Status of a value that the vendor does not know. Absent = the vendor's refusal may mean something else too. */
    dead: z.number().int().optional(),
    /** A text that must stand in the body beside the status. */
    says: z.strictObject({ alive: z.string().min(2).optional(), dead: z.string().min(2).optional() }).optional(),
    /** The refusal means nothing but revoked, expired or never made, by the vendor's documentation. */
    invalid_means_dead: z.boolean().optional(),
    /** Where the answer says whose the credential is and what it may: `data.user.login`, `teams.0.id`, `scopes.*`, `header:x-scopes`. */
    tells: z
      .partialRecord(
        z.enum(facts),
        z.string().regex(/^(header:[a-z0-9-]+|[\w*-]+(\.[\w*-]+)*)$/, "expected a path such as data.user.login"),
      )
      .optional(),
    /** Other servers issue the same kind of value (an own installation, another region): a refusal by this one says nothing. */
    issued_elsewhere: z.literal(true).optional(),
  })
  .superRefine(({ method, query, url, header, basic, alive, dead, says }, context) => {
    const issue = (message: string) => context.addIssue({ code: "custom", message });
    if ((method === "POST") !== (query !== undefined)) issue("expected a query with POST, and only there: a check reads");
    if (![url, header ?? "", basic ?? ""].some((text) => text.includes("{secret}")))
      issue("expected {secret} in exactly one of header, basic and url");
    if (dead === 403 && says?.dead === undefined)
      issue("a 403 alone is no refusal of the value: expected says.dead, the vendor's own words");
    if (alive === dead && (says?.alive === undefined || says.dead === undefined))
      issue("alive and dead have the same status: expected says.alive and says.dead");
  });

const regexes = z.array(z.string().min(1)).min(1);

/** What is no finding: any one field that fits is enough; with `condition: all`, every field that is given must fit. */
const exception = z.strictObject({
  /** One sentence for whoever asks why something is not reported. */
  reason: z.string().min(3),
  condition: z.enum(["any", "all"]).default("any"),
  /** RE2 on the path from the top of the repository. */
  paths: regexes.optional(),
  /** Commit ids, in any case. */
  commits: z
    .array(z.string().regex(/^[0-9a-f]{7,64}$/i, "expected a commit id"))
    .min(1)
    .optional(),
  /** RE2 on the `target`: the secret, the whole match, or the line (at most 2 KiB on each side). */
  regexes: regexes.optional(),
  target: z.enum(["secret", "match", "line"]).default("secret"),
  /** Texts in the secret, in any case. */
  stopwords: z.array(z.string().min(1)).min(1).optional(),
});
const isException = ({ paths, commits, regexes: on, stopwords }: z.output<typeof exception>) =>
  [paths, commits, on, stopwords].some((field) => field !== undefined);
const noField = "expected at least one of paths, commits, regexes and stopwords";

const part = z.strictObject({ ...pattern, secret: z.boolean().default(true), subject: z.boolean().default(false) });

const detector = z
  .strictObject({
    id: z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, "expected kebab-case"),
    name: z.string().min(3),
    ...pattern,
    parts: z.record(z.string(), part).optional(),
    /** Lines between the parts, at most. */
    within: z.number().int().positive().max(50).default(5),
    /** One of these words within 120 bytes before or 60 after the match, case-insensitively. */
    near: words.optional(),
    /** One of these words stands anywhere in the file, in any case. */
    keywords: z.array(z.string().min(1)).min(1).optional(),
    /** Only in files whose path this RE2 expression fits. */
    path: z.string().min(1).optional(),
    allow: z.array(exception.refine(isException, noField)).optional(),
    /** Words of vendors with a format that begins so: one of them before the match on its line, and it is not this one. */
    unless: words.optional(),
    /**
     * The vendor has people publish such values: where one of the words of `beside` stands within 240 bytes, and none of `unless` in the
     * name before it, this is one of those. It is no finding, or, with `demote`, one of low confidence.
     */
    published: z.strictObject({ beside: words, unless: words.default([]), demote: z.boolean().default(false) }).optional(),
    /** Detectors of vendors that share the format: they are named where nothing beside the value decides between them. */
    candidates: z.array(z.string()).optional(),
    boundary: z.enum(["token", "none"]).default("token"),
    /** Bits per character of the secret, minimum (Shannon, over the secret's own characters). */
    entropy: z.number().min(0).max(8).default(2.5),
    checksum: z.string().default("none"),
    confidence: z.enum(["high", "medium", "low"]),
    severity: z.enum(["critical", "high", "medium", "low", "info"]),
    identity: z.enum(identityKinds).optional(),
    /** Named groups of `regex` that make the subject (contracts.md §2); all named groups but `secret` are attributes. */
    subject: z.array(z.string()).default([]),
    check: z.union([z.strictObject({ probe: z.string() }), declaredCheck]).optional(),
    revoke: z.string().regex(/^(https:\/\/\S+|none: .+)$/, "expected the vendor's page (https://…) or 'none: what to do instead'"),
    /** Knows a place or a shape, not an issuer: yields to every other detector that claims the same text. */
    fallback: z.boolean().default(false),
    /** Only for values whose issuer nobody names: where a vendor is named beside it, that vendor's formats decide. */
    without_issuer: z.boolean().default(false),
    /** People choose such values: a word with a digit is one, though it could also be a name in a program. */
    memorable: z.boolean().default(false),
    /** This detector wins over those where both claim one text. */
    over: z.array(z.string()).default([]),
    examples: z.strictObject({ match: z.array(z.string()).min(1), no_match: z.array(z.string()).min(1) }),
  })
  .superRefine((value, context) => {
    const kinds = [value.token, value.assign, value.regex, value.parts].filter((kind) => kind !== undefined).length;
    if (kinds !== 1)
      context.addIssue({ code: "custom", message: `expected exactly one of token, assign, regex, parts; '${value.id}' has ${kinds}` });
    if (value.confidence === "high" && value.assign !== undefined && value.checksum === "none") {
      context.addIssue({ code: "custom", message: `'${value.id}': high confidence needs a prefix or a checksum, not only a name` });
    }
  });

export const DetectorFile = z.strictObject({
  provider: z.string().regex(/^[a-z0-9-]+$/),
  name: z.string(),
  /** Other names of the vendor or of its products, as they stand in names of variables and hosts. */
  aliases: z.array(z.string().regex(/^[a-z0-9]+([_.-][a-z0-9]+)*$/, "expected a lower-case word")).default([]),
  references: z.array(z.url()).min(1),
  detectors: z.array(detector).min(1),
  /** Exceptions of every detector of the file, or of those that are named. */
  allow: z.array(exception.extend({ detectors: z.array(z.string()).min(1).optional() }).refine(isException, noField)).optional(),
});

export type DetectorFile = z.output<typeof DetectorFile> & {
  /** A repository's own: a built-in detector that knows an issuer wins over it, whatever it claims. */
  readonly yields?: true;
};
export type Detector = z.output<typeof detector>;
export type DeclaredCheck = z.output<typeof declaredCheck>;
export type DetectorException = z.output<typeof exception>;
export type DetectorPart = z.output<typeof part>;

/** Throws ConfigError with file, line and what was expected. */
export function parseDetectorFile(text: string, path: string): DetectorFile {
  return parseStrictYaml(text, path, DetectorFile);
}
