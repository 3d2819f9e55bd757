import { z } from "zod";
import { connectVault, type VaultAnswer, type VaultClient } from "../connection/vault.ts";
import { checkVaultRights } from "../connection/vault-rights.ts";
import type { Driver, DriverContext, KeyRecord } from "../driver.ts";
import { HoldError, RetryError, UnknownOutcomeError } from "../errors.ts";
import { shaped } from "../http.ts";
import { Secret } from "../secret.ts";
import { ownName } from "./answer.ts";
import { attributesOf } from "./vendor.ts";

/**
 * Tokens of Vault and OpenBao, by accessor. A dead token answers 403 `permission denied`, as some live ones do, so a refusal never
 * counts alone: the accessor must be gone too (rotation.md 12.1, run on OpenBao 2.7.2).
 */
export const vaultToken: Driver = {
  manifest: {
    type: "vault-token/service-token",
    name: "Vault token",
    connection: "vault",
    detectors: ["vault-service-token", "vault-legacy-token"],
    class: "m-delete",
    verbs: {
      list: { effect: "read", retry: "safe" },
      issue: { effect: "create", retry: "verify-first" },
      revoke: { effect: "destroy", retry: "safe" },
      probe: { effect: "read", retry: "safe" },
      whoami: { effect: "read", retry: "safe" },
    },
    reversible: { disable: false, revoke: false },
    overlap: "many",
    // A token store is consistent on its active node; a performance standby may lag by seconds.
    propagation: { create: 1_000, revoke: 5_000 },
    valueChosenByUs: false,
    killByPossession: false,
    probeCall: "GET /v1/auth/token/lookup-self",
    tells: ["token", "token_id", "scopes", "expires"],
    hosts: [],
    proof: "both",
    invalidMeansDead: false,
    pages: { revoke: "https://developer.hashicorp.com/vault/docs/commands/token/revoke" },
    rights: {
      list: ["auth/token/accessors: list, sudo", "auth/token/lookup-accessor: update", "auth/token/lookup: update"],
      issue: ["auth/token/create: update, sudo"],
      revoke: ["auth/token/revoke-accessor: update"],
    },
    rehearsal: { policies: "default", ttl: "1h" },
    testedAgainst: "real server",
  },

  check: checkVaultRights,

  async match(context, { secret }) {
    if (secret === undefined) return { records: [], grade: "weak" };
    const answer = await connect(context).write("auth/token/lookup", { token: secret.reveal() }, { safe: true });
    if (answer.code !== "ok") {
      await mayLookUp(context);
      return { records: [], grade: "confirmed" };
    }
    return { records: [recordOf(shaped(Lookup, answer.body, "looking up a Vault token").data)], grade: "confirmed" };
  },

  list: (context) => listed(connect(context)),

  async issue(context, { name, like }) {
    const { policies = "", period, explicit_max_ttl, ttl, unequal } = like.attributes;
    if (policies === "") throw new HoldError("scope-unknown", "the policies of the leaked token are not known; match it first");
    if (unequal !== undefined)
      throw new HoldError("not-equal-in-power", `a successor cannot be made by API: the leaked token ${unequal}; make it by hand`);
    const lifetime = {
      ...(period === undefined ? {} : { period }),
      ...(explicit_max_ttl === undefined ? {} : { explicit_max_ttl }),
      ...(ttl === undefined ? {} : { ttl }),
    };
    const answer = await connect(context).write("auth/token/create", {
      policies: policies.split(","),
      display_name: ownName(name),
      meta: { rekey: ownName(name) },
      no_parent: true,
      ...lifetime,
    });
    ok(answer, "creating a Vault token");
    const created = Created.safeParse(answer.body);
    if (!created.success) throw new UnknownOutcomeError("Vault created a token, but its answer has none in it; discard it by its name");
    const { client_token, accessor } = created.data.auth;
    const attributes = { policies, ...lifetime };
    return { record: { id: accessor, name, state: "active", attributes }, secret: Secret.from(client_token), companions: {} };
  },

  async discard(context, { name }) {
    const client = connect(context);
    const ours = (await listed(client)).filter((record) => record.name === ownName(name));
    for (const { id } of ours) await revokeAccessor(client, id);
    return ours.length;
  },

  async revoke(context, record) {
    const client = connect(context);
    const own = Lookup.safeParse((await client.read("auth/token/lookup-self")).body).data?.data.accessor;
    if (own === record.id)
      throw new HoldError("own-credential", "this is the token that Rekey itself works with; give this connection another one first");
    await revokeAccessor(client, record.id);
  },

  async probe(context, { secret }) {
    try {
      const { code, body } = await connectVault({
        host: context.host,
        token: secret,
        timeout: context.timeout,
        signal: context.signal,
      }).read("auth/token/lookup-self");
      if (code === "ok") return { answer: "alive", code: "200", tells: tellsOf(Lookup.safeParse(body).data?.data) };
      if (code === "dead-token") return { answer: "invalid", code: "403 permission denied" };
      return { answer: "unknown", code };
    } catch (error) {
      if (error instanceof RetryError || error instanceof UnknownOutcomeError || error instanceof HoldError)
        return { answer: "unknown", code: "no answer" };
      throw error;
    }
  },

  async whoami(context, { secret }) {
    const answer = await connectVault({ host: context.host, token: secret, timeout: context.timeout }).read("auth/token/lookup-self");
    ok(answer, "asking Vault whose token this is");
    const { data } = shaped(Lookup, answer.body, "asking Vault whose token this is");
    return { accessor: data.accessor, display_name: data.display_name, policies: data.policies.join(",") };
  },
};

const Token = z.object({
  accessor: z.string().min(1),
  display_name: z.string(),
  policies: z.array(z.string()),
  period: z.union([z.number(), z.string()]).nullish(),
  explicit_max_ttl: z.number().nullish(),
  /** Seconds that it lived from when it was made; 0 = for ever. */
  creation_ttl: z.number().nullish(),
  entity_id: z.string().nullish(),
  expire_time: z.string().nullish(),
  num_uses: z.number().nullish(),
  path: z.string().nullish(),
  type: z.string().nullish(),
  meta: z.record(z.string(), z.string()).nullish(),
});
const Lookup = z.object({ data: Token });
const Created = z.object({ auth: z.object({ client_token: z.string().min(1), accessor: z.string().min(1) }) });
const Capabilities = z.object({
  data: z.record(
    z.string(),
    z.unknown().transform((value) => (Array.isArray(value) ? value.map(String) : [])),
  ),
});
const Accessors = z.object({ data: z.object({ keys: z.array(z.string()) }) });

function tellsOf(token: z.output<typeof Token> | undefined): Record<string, string> {
  return attributesOf({
    token: token?.display_name,
    token_id: token?.accessor,
    scopes: token?.policies.join(", "),
    expires: token?.expire_time,
  });
}

function connect(context: DriverContext): VaultClient {
  return connectVault({ ...context, token: context.credential });
}

/** Every token that the server knows, by accessor: one list, one look-up each. An accessor that expired between the two is left out. */
async function listed(client: VaultClient): Promise<KeyRecord[]> {
  const answer = await client.list("auth/token/accessors");
  ok(answer, "listing Vault's token accessors");
  const records: KeyRecord[] = [];
  for (const accessor of shaped(Accessors, answer.body, "listing Vault's token accessors").data.keys) {
    const found = await client.write("auth/token/lookup-accessor", { accessor }, { safe: true });
    if (found.code === "ok") records.push(recordOf(shaped(Lookup, found.body, "looking up a Vault accessor").data));
    else if (found.code !== "invalid-accessor" && found.code !== "dead-token") ok(found, "looking up a Vault accessor");
  }
  return records;
}

/** "Not found" counts only from somebody who may look: a token without the right gets a refusal for every value. */
async function mayLookUp(context: DriverContext): Promise<void> {
  const what = "asking Vault what this connection may do";
  const answer = await connect(context).write("sys/capabilities-self", { paths: ["auth/token/lookup"] }, { safe: true });
  ok(answer, what);
  const { data } = shaped(Capabilities, answer.body, what);
  const allowed = data["auth/token/lookup"] ?? [];
  if (!allowed.some((capability) => capability === "root" || capability === "update")) {
    throw new HoldError("connection-refused", "this connection may not look up tokens; give its policy update on auth/token/lookup");
  }
}

/** Why a token made by `auth/token/create` would not be this one's equal; undefined where it would. */
function inequality({ entity_id, num_uses, path, type, policies }: z.output<typeof Token>): string | undefined {
  if (policies.includes("root")) return "is a root token";
  if (entity_id) return "has an entity, whose policies and groups it inherits";
  if (num_uses) return "has a limited number of uses";
  if (type && type !== "service") return `is of the type ${type}`;
  return path && !path.startsWith("auth/token/") ? "was made by a log-in" : undefined;
}

function recordOf(token: z.output<typeof Token>): KeyRecord {
  const { accessor, policies, period, explicit_max_ttl, creation_ttl, meta, display_name } = token;
  const unequal = inequality(token);
  const periodic = period !== undefined && period !== null && period !== 0;
  return {
    id: accessor,
    name: meta?.["rekey"] ?? display_name,
    state: "active",
    attributes: {
      policies: policies.join(","),
      ...(periodic ? { period: String(period) } : {}),
      ...(periodic || !creation_ttl ? {} : { ttl: `${creation_ttl}s` }),
      ...(unequal === undefined ? {} : { unequal }),
      ...(explicit_max_ttl === undefined || explicit_max_ttl === null || explicit_max_ttl === 0
        ? {}
        : { explicit_max_ttl: String(explicit_max_ttl) }),
    },
  };
}

/** Gone already is success. */
async function revokeAccessor(client: VaultClient, accessor: string): Promise<void> {
  const answer = await client.write("auth/token/revoke-accessor", { accessor }, { safe: true });
  if (answer.code !== "invalid-accessor" && answer.code !== "dead-token") ok(answer, "revoking a Vault token");
}

function ok({ code, status }: VaultAnswer, what: string): void {
  if (code !== "ok")
    throw new HoldError("connection-refused", `${what}: the server answered ${status} (${code}); check the policy of this connection`);
}
