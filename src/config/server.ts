import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { ConfigError } from "../errors.ts";
import { Secret } from "../secret.ts";
import { parseStrictYaml } from "../strict-yaml.ts";

/** `90s`, `15m`, `24h`, `7d` → milliseconds. */
const duration = z
  .string()
  .regex(/^\d+(ms|s|m|h|d)$/, "expected a duration such as 30s, 15m, 24h or 7d")
  .transform(milliseconds);

/** Where a credential of our own is read from; never the value itself. */
const reference = z
  .string()
  .regex(
    /^(env:[A-Z_][A-Z0-9_]*|file:.+|vault:[^#\s]+#[^#\s]+|aws:[^#\s]+(#[^#\s]+)?)$/,
    "expected env:NAME, file:PATH, vault:PATH#FIELD or aws:SECRET#FIELD, never the value itself",
  );

/** How a connection to Vault or OpenBao logs in, where its credential is no token. */
const vaultAuth = z
  .strictObject({
    method: z.enum(["approle", "kubernetes", "jwt"]),
    /** The role ID of an AppRole; the name of the role of the others. */
    role: z.string().min(1).max(200),
    /** Below `auth/`; the method's name unless given. */
    mount: z
      .string()
      .regex(/^[\w.-]+(\/[\w.-]+)*$/)
      .optional(),
  })
  .transform(({ method, role, mount = method }) => ({ method, role, mount }));

const connection = z
  .strictObject({
    /** What a driver's or sink's manifest calls its connection; which types exist is known where the drivers are (`unknownConnection`). */
    type: z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, "expected a connection's type in lower case, such as vault"),
    /** Base URL; plain http only to loopback. For AWS the region, or the endpoint of a stand-in. */
    host: z.string().min(1),
    region: z.string().optional(),
    /** KV v2 mounts that the inventory reads. */
    mounts: z.array(z.string().regex(/^[\w.-]+$/)).default(["secret"]),
    /** Whether the inventory reads its entries, to name the place that a leaked value stands at. */
    inventory: z.enum(["on", "off"]).default("on"),
    /** A role of its own that may read and no more; the connection's own where absent. */
    inventory_credential: reference.optional(),
    inventory_auth: vaultAuth.optional(),
    /** Entries a second that the inventory reads at most. */
    inventory_rate: z.number().int().min(1).max(1000).default(50),
    credential: reference.optional(),
    auth: vaultAuth.optional(),
  })
  .superRefine(({ type, credential, auth, inventory_credential, inventory_auth }, { addIssue }) => {
    for (const [name, login, presents] of [
      ["auth", auth, credential],
      ["inventory_auth", inventory_auth, inventory_credential],
    ] as const) {
      if (login === undefined) continue;
      const wrong = !/^vault(-|$)/.test(type)
        ? "expected only on a connection to Vault or OpenBao"
        : presents === undefined
          ? `expected a ${name === "auth" ? "credential" : "inventory_credential"} that the log-in presents: a secret ID, or the file of a JWT`
          : undefined;
      if (wrong !== undefined) addIssue({ code: "custom", message: wrong, path: [name] });
    }
  });

/** Whom a message is for; everything that is given must fit. */
const route = {
  name: z.string().regex(/^[\w.-]{1,60}$/),
  when: z
    .array(z.enum(["opened", "live", "held", "dead", "reopened", "accepted", "dismissed", "resolved", "overdue"]))
    .min(1)
    .default(["opened", "held", "dead", "reopened", "resolved", "overdue"]),
  /** The least severity. */
  severity: z.enum(["critical", "high", "medium", "low", "info"]).default("medium"),
  owners: z.array(z.string()).min(1).optional(),
  repositories: z
    .array(z.string().regex(/^[\w.-]+\/[\w.-]+$/, "expected owner/name"))
    .min(1)
    .optional(),
  environment: z.enum(["production", "other"]).optional(),
};

const consumerToken = z.strictObject({ name: z.string().regex(/^[\w.-]{1,100}$/), token: reference });

const runtimeSource = z
  .strictObject({
    name: z.string().regex(/^[\w.-]{1,60}$/),
    /** Bearer token. */
    token: reference.optional(),
    /** What its webhooks are signed with after Standard Webhooks, `whsec_` and base64. */
    webhook_secret: reference.optional(),
    /** The file that makes its webhooks our events, beside this one. */
    mapping: z.string().min(1).max(500).optional(),
    requests_per_minute: z.number().int().min(1).max(1_000_000).default(6000),
    /** Incidents of this source that may be open at once; what comes on top is counted and opens nothing. */
    open_incidents: z.number().int().min(1).max(100_000).default(100),
  })
  .refine(({ token, webhook_secret }) => token !== undefined || webhook_secret !== undefined, "expected token or webhook_secret");

/** `rekey.yml`, the server's own configuration (contracts.md §9). Strict: an unknown key is an error with its line. */
export const ServerConfig = z.strictObject({
  github: z
    .strictObject({
      api: z.url().default("https://api.github.com"),
      /** Where git fetches from: `https://github.com`. */
      web: z.url().default("https://github.com"),
      app_id: z.coerce.number().int().positive(),
      private_key: reference,
      webhook_secret: reference,
      /** The secret that is being rotated out; both verify. */
      webhook_secret_previous: reference.optional(),
    })
    .optional(),
  database: z.strictObject({ url: reference.optional(), directory: z.string().optional() }).default({}),
  /** `previous`: keys of before, by which what is known is found again; the newest first. */
  fingerprint: z.strictObject({ key: reference.optional(), previous: z.array(reference).max(10).default([]) }).prefault({}),
  listen: z.strictObject({ host: z.string().default("127.0.0.1"), port: z.number().int().min(0).max(65535).default(3000) }).prefault({}),
  /** Whom the outside is told what: Slack, Jira, or a signed webhook. */
  notify: z
    .array(
      z.discriminatedUnion("type", [
        z.strictObject({ type: z.literal("slack"), ...route, url: reference }),
        z.strictObject({ type: z.literal("webhook"), ...route, url: z.url(), secret: reference }),
        z.strictObject({
          type: z.literal("jira"),
          ...route,
          url: z.url(),
          project: z.string().regex(/^[A-Z][A-Z0-9_]{1,19}$/, "expected the key of a project, such as SEC"),
          issue_type: z.string().min(1).max(60).default("Task"),
          credential: reference,
        }),
      ]),
    )
    .max(50)
    .default([]),
  reports: z
    .strictObject({
      /** Every Monday an issue about the week that has ended, in a private repository. */
      weekly: z.strictObject({ repository: z.string().regex(/^[\w.-]+\/[\w.-]+$/, "expected owner/name") }).optional(),
    })
    .default({}),
  /** Gateways, collectors, hooks and other products that report what agents do, each with a token or a secret of its own. */
  runtime: z
    .strictObject({
      sources: z.array(runtimeSource).max(100).default([]),
      /** A leaked key and a runtime event of one identity are one chain where they lie no further apart. */
      chain_window: duration.default(milliseconds("7d")),
    })
    .prefault({}),
  /** Log-in of people on the dashboard. */
  login: z
    .strictObject({
      /** Where people reach this server; cookies and callbacks are bound to it. */
      url: z.url().refine((url) => isOrigin(url), "expected https://HOST without a path, or http on loopback"),
      github: z.strictObject({ client_id: z.string().min(1), client_secret: reference }).optional(),
      oidc: z
        .strictObject({
          label: z.string().min(1).max(60).default("single sign-on"),
          issuer: z.url(),
          client_id: z.string().min(1),
          client_secret: reference,
          claim: z.string().min(1).max(60).default("groups"),
          read: z.array(z.string()).default([]),
          lead: z.array(z.string()).default([]),
        })
        .refine(({ read, lead }) => read.length + lead.length > 0, "expected values under read or lead: without one nobody may come in")
        .optional(),
    })
    .refine(({ github, oidc }) => github !== undefined || oidc !== undefined, "expected github or oidc")
    .optional(),
  connections: z.record(z.string().regex(/^[\w.-]{1,60}$/), connection).default({}),
  /** Hosts of our own to which a leaked value of a type may be sent, to see whether it is alive. Never from a finding (contracts.md §4). */
  targets: z
    .array(
      z.strictObject({
        /** Connection type: postgresql, mysql, redis, vault … */
        type: z.string(),
        hosts: z.array(z.string().regex(/^[\w.-]+(:\d{1,5})?$|^\[[0-9a-fA-F:]+\](:\d{1,5})?$/, "expected host or host:port")).min(1),
        /** The connection that administers these hosts. */
        connection: z.string().optional(),
        /** Of whatever lives there; counts where the identity is not declared. */
        environment: z.string().optional(),
      }),
    )
    .default([]),
  consumers: z.array(consumerToken).default([]),
  governance: z
    .strictObject({
      /** A file of the form of `.rekey/controls.yml`: who owns which control in which phase. */
      controls: z.string().min(1).optional(),
    })
    .prefault({}),
  /** Systems that may bring the decisions of an access review, each by its own token. */
  reviews: z.strictObject({ tokens: z.array(consumerToken).default([]) }).prefault({}),
  /** Where a leaked value waits for its last probe, so that its death can be proven also when the leak itself is deleted. Absent = nowhere. */
  quarantine: z
    .strictObject({
      connection: z.string(),
      ttl: duration.refine((ttl) => ttl <= 30 * 86_400_000, "expected at most 30d").default(30 * 86_400_000),
    })
    .optional(),
  /** GitHub logins or org/team slugs that may approve what the owner alone may not. */
  security_team: z.array(z.string()).default([]),
  policy: z
    .strictObject({
      rollout: z.enum(["observe", "check", "comment", "block", "rotate"]).default("observe"),
      probe: z.enum(["on", "off"]).default("on"),
      disclosure: z.enum(["full", "minimal", "private"]).optional(),
      mode: z.enum(["graceful", "contain-first", "revoke-first"]).default("graceful"),
      /** A credential in a comment: `ask` says it below, `delete-and-repost` replaces the comment at once, `off` only opens an incident. */
      comments: z.enum(["ask", "delete-and-repost", "off"]).default("ask"),
      /** `on`: outside production, and after five approved runs of the playbook without a hold, a plan starts without a command. */
      automatic: z.enum(["off", "on"]).default("off"),
      /** A graceful rotation needs a rehearsal of this playbook on this connection within `within`. */
      rehearsal: z
        .strictObject({
          required: z.enum(["production", "always", "never"]).default("production"),
          within: duration.default(milliseconds("90d")),
        })
        .prefault({}),
      consumers: z.strictObject({ timeout: duration }).default({ timeout: milliseconds("30m") }),
      /** What a check says where a scan does not come to an end: then nobody is kept from merging, or everybody is. */
      on_unavailable: z.enum(["neutral", "block"]).default("neutral"),
      /** How long a scan may take before the check says so. */
      unavailable_after: duration.default(milliseconds("10m")),
      soak: duration.default(milliseconds("10m")),
      /** How many days an accepted risk may last at most. */
      exceptions: z.strictObject({ max_days: z.number().int().min(1).max(366).default(90) }).prefault({}),
      /** Rotations that may start within an hour. */
      caps: z
        .strictObject({
          runs_per_hour: z.number().int().positive().default(10),
          per_provider: z.number().int().positive().default(10),
          per_identity: z.number().int().positive().default(3),
        })
        .prefault({}),
      /** After so many faults in a row at a provider, nothing of it starts for the cool-down; then one run tries. */
      breaker: z
        .strictObject({ failures: z.number().int().positive().default(3), cool_down: duration.default(milliseconds("30m")) })
        .prefault({}),
    })
    .prefault({}),
});

export type ServerConfig = z.output<typeof ServerConfig>;

/** The problem with the first connection whose type no driver and no secret manager has; undefined = none. */
export function unknownConnection({ connections }: ServerConfig, known: readonly string[]): string | undefined {
  const [name, wrong] = Object.entries(connections).find(([, { type }]) => !known.includes(type)) ?? [];
  return wrong === undefined
    ? undefined
    : `connections.${name}.type: expected one of ${[...new Set(known)].sort().join(", ")}, got '${wrong.type}'`;
}

/** YAML's `on` and `off` are plain words in YAML 1.2, which is what we read. Throws ConfigError with the line. */
export function parseServerConfig(text: string, file: string): ServerConfig {
  const config = parseStrictYaml(text, file, ServerConfig);
  const sources = config.runtime.sources.map((source) =>
    source.mapping === undefined ? source : { ...source, mapping: resolve(dirname(file), source.mapping) },
  );
  return { ...config, runtime: { ...config.runtime, sources } };
}

export function loadServerConfig(file: string): ServerConfig {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new ConfigError("cannot be read; give the server's configuration with --config FILE (docs/server.md describes it)", {
      file,
      cause,
    });
  }
  return parseServerConfig(text, file);
}

/** Reads what `env:NAME` or `file:PATH` names; the others are read by those who have a connection. A file that others may read is refused (expected mode 0600). */
export function readReference(name: string, environment: NodeJS.ProcessEnv = process.env): Secret {
  if (name.startsWith("env:")) {
    const value = environment[name.slice(4)];
    if (value === undefined || value === "")
      throw new ConfigError(`the environment variable ${name.slice(4)} is not set`, { file: "environment" });
    return Secret.from(value);
  }
  if (!name.startsWith("file:"))
    throw new ConfigError(`'${name.slice(0, 80)}' may not stand here: expected env:NAME or file:PATH`, { file: "rekey.yml" });
  const file = resolve(name.slice("file:".length));
  let mode: number;
  try {
    mode = statSync(file).mode & 0o777;
  } catch (cause) {
    throw new ConfigError("the file of a credential cannot be read", { file, cause });
  }
  if ((mode & 0o077) !== 0) {
    throw new ConfigError(`others may read this credential (mode ${mode.toString(8)}); run chmod 600 on it`, { file });
  }
  return Secret.from(readFileSync(file, "utf8").trim());
}

function milliseconds(text: string): number {
  const [, count, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? [];
  const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  return Number(count) * (units[unit ?? ""] ?? Number.NaN);
}

function isOrigin(text: string): boolean {
  const url = new URL(text);
  const loopback = ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  return url.origin === text.replace(/\/$/, "") && (url.protocol === "https:" || (url.protocol === "http:" && loopback));
}
