import { generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { rootCertificates } from "node:tls";
import { afterAll, describe as always, beforeAll, expect, test } from "vitest";
import { connectVault, type VaultClient } from "../../src/connection/vault.ts";
import type { DriverContext, VaultLogin } from "../../src/driver.ts";
import { Secret } from "../../src/secret.ts";
import { vault } from "../../src/secret-manager/vault.ts";
import { type Kubernetes, startKubernetes } from "../../src/stand-in/kubernetes.ts";
import { ensureOpenBao, type OpenBao, startOpenBao } from "../../src/stand-in/openbao.ts";
import { real } from "../servers/real.ts";

const describe = always.runIf((await real("OpenBao", () => ensureOpenBao())) !== undefined);

let bao: OpenBao;
let cluster: Kubernetes;
let admin: VaultClient;
beforeAll(async () => {
  [bao, cluster] = await Promise.all([startOpenBao(), startKubernetes()]);
  admin = connectVault({ host: bao.url, token: bao.token, timeout: 5000 });
  const policy = 'path "secret/*" { capabilities = ["create", "read", "update", "list", "delete"] }';
  await done(admin.write("sys/policies/acl/rekey", { policy }));
});
afterAll(() => Promise.allSettled([bao.stop(), cluster.stop()]));

async function done(call: ReturnType<VaultClient["write"]>): Promise<Record<string, unknown>> {
  const { code, status, body } = await call;
  if (code !== "ok") throw new Error(`OpenBao answered ${status} ${JSON.stringify(body)}`);
  return ((body as { data?: Record<string, unknown> } | undefined)?.data ?? {}) as Record<string, unknown>;
}

/** A role of its own at a mount of its own, and what logs in as it. */
interface Way {
  readonly login: VaultLogin;
  readonly credential: Secret;
  /** From now on the server refuses this credential. */
  end(): Promise<unknown>;
}

const life = { token_policies: ["rekey"], token_ttl: "60s" };

async function appRole(settings: object = life): Promise<Way & { readonly role: string; readonly mount: string }> {
  const mount = `approle-${randomUUID()}`;
  await done(admin.write(`sys/auth/${mount}`, { type: "approle" }));
  await done(admin.write(`auth/${mount}/role/rekey`, settings));
  const { role_id } = await done(admin.read(`auth/${mount}/role/rekey/role-id`));
  const { secret_id, secret_id_accessor } = await done(admin.write(`auth/${mount}/role/rekey/secret-id`, {}));
  return {
    role: "rekey",
    mount,
    login: { method: "approle", role: String(role_id), mount },
    credential: Secret.from(`${String(secret_id)}\n`),
    end: () => done(admin.write(`auth/${mount}/role/rekey/secret-id-accessor/destroy`, { secret_id_accessor })),
  };
}

async function workload(): Promise<Way> {
  const mount = `kubernetes-${randomUUID()}`;
  await done(admin.write(`sys/auth/${mount}`, { type: "kubernetes" }));
  // an authority must be given; the stand-in on loopback speaks plain http
  const config = {
    kubernetes_host: cluster.url,
    kubernetes_ca_cert: rootCertificates[0],
    token_reviewer_jwt: cluster.token.reveal(),
    disable_local_ca_jwt: true,
  };
  await done(admin.write(`auth/${mount}/config`, config));
  const bound = { bound_service_account_names: ["rekey"], bound_service_account_namespaces: ["security"] };
  await done(admin.write(`auth/${mount}/role/rekey`, { ...bound, ...life }));
  const { token, remove } = cluster.serviceAccount("security", "rekey");
  return { login: { method: "kubernetes", role: "rekey", mount }, credential: token, end: async () => remove() };
}

async function signed(): Promise<Way> {
  const mount = `jwt-${randomUUID()}`;
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  await done(admin.write(`sys/auth/${mount}`, { type: "jwt" }));
  const pem = publicKey.export({ type: "spki", format: "pem" });
  await done(admin.write(`auth/${mount}/config`, { jwt_validation_pubkeys: [pem], bound_issuer: "https://ci.example" }));
  const role = { role_type: "jwt", user_claim: "sub", bound_audiences: ["rekey"], bound_subject: "repo:acme/rekey", ...life };
  await done(admin.write(`auth/${mount}/role/rekey`, role));
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: "https://ci.example", aud: "rekey", sub: "repo:acme/rekey", iat: now, exp: now + 600 };
  const parts = [{ alg: "RS256", typ: "JWT" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  const jwt = `${parts.join(".")}.${sign("sha256", Buffer.from(parts.join(".")), privateKey).toString("base64url")}`;
  return {
    login: { method: "jwt", role: "rekey", mount },
    credential: Secret.from(jwt),
    end: () => done(admin.remove(`auth/${mount}/role/rekey`)),
  };
}

const contextOf = ({ login, credential }: Way): DriverContext => ({ host: bao.url, credential, login, timeout: 5000 });
const place = { path: "secret/agents/login", field: "KEY" };

/** Accessors of the tokens that a mount gave. */
async function tokensOf({ login }: Way): Promise<string[]> {
  const { keys } = await done(admin.list("auth/token/accessors"));
  const found: string[] = [];
  for (const accessor of keys as string[]) {
    const { path } = await done(admin.write("auth/token/lookup-accessor", { accessor })).catch(() => ({ path: "" }));
    if (path === `auth/${login.mount}/login`) found.push(accessor);
  }
  return found;
}

describe.each([
  ["an AppRole", appRole],
  ["the service account of a pod (Kubernetes)", workload],
  ["a signed JWT", signed],
] as const)("a connection that logs in by %s", (_name, start) => {
  test("works as with a token, and logs in once for many calls, also at the same time", async () => {
    const way = await start();
    const context = contextOf(way);
    await Promise.all(Array.from({ length: 5 }, () => vault.read(context, place)));
    await vault.pend(context, place, "run-1", { KEY: Secret.from("generated") });
    expect((await vault.readPending(context, place, "run-1"))?.["KEY"]?.reveal()).toBe("generated");
    await vault.drop(context, place, "run-1");
    expect(await tokensOf(way)).toHaveLength(1);
  });

  test("logs in again where the server ended its token, and holds, without the credential in the error, where it refuses that", async () => {
    const way = await start();
    const context = contextOf(way);
    await vault.read(context, place);
    const [first] = await tokensOf(way);
    await done(admin.write("auth/token/revoke-accessor", { accessor: first ?? "" }));
    await vault.read(context, place);
    const [second] = await tokensOf(way);
    expect(second).not.toBe(first);

    await way.end();
    await done(admin.write("auth/token/revoke-accessor", { accessor: second ?? "" }));
    const error: unknown = await vault.read(context, place).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "HoldError", code: "connection-refused" });
    expect(String(error)).toMatch(/refused the (AppRole|Kubernetes|JWT) log-in of this connection at auth\//);
    expect(JSON.stringify([error, String(error), (error as Error).stack])).not.toContain(way.credential.reveal().trim());
  });
});

describe("the session of an AppRole", () => {
  const leases = async (way: Way) => {
    const [accessor = ""] = await tokensOf(way);
    return { accessor, ...(await done(admin.write("auth/token/lookup-accessor", { accessor }))) } as {
      accessor: string;
      last_renewal_time?: number;
    };
  };

  test("is renewed while it lives, and not logged in for anew", async () => {
    const way = await appRole({ ...life, token_ttl: "3s", token_max_ttl: "60s" });
    const context = contextOf(way);
    await vault.read(context, place);
    const before = await leases(way);
    await new Promise((resolve) => setTimeout(resolve, 2200));
    await vault.read(context, place);
    const after = await leases(way);
    expect(after.accessor).toBe(before.accessor);
    expect(after.last_renewal_time).toBeGreaterThan(0);
  });

  test("that was never used in its time is logged in for anew", async () => {
    const way = await appRole({ ...life, token_ttl: "1s", token_max_ttl: "1s" });
    const context = contextOf(way);
    await vault.read(context, place);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await vault.read(context, place);
  });

  test("whose token is good for a few calls goes on with the next", async () => {
    const way = await appRole({ ...life, token_num_uses: 2 });
    const context = contextOf(way);
    for (let call = 0; call < 5; call++) await vault.read(context, place);
  });

  test("of a secret ID that is good for one log-in lasts as long as its token, and then asks for another", async () => {
    const way = await appRole({ ...life, secret_id_num_uses: 1 });
    const context = contextOf(way);
    for (let call = 0; call < 3; call++) await vault.read(context, place);
    const [accessor = ""] = await tokensOf(way);
    await done(admin.write("auth/token/revoke-accessor", { accessor }));
    await expect(vault.read(context, place)).rejects.toMatchObject({ code: "connection-refused" });
  });

  test("with a wrong secret ID is refused, and a server that is away is no refusal", async () => {
    const way = await appRole();
    const wrong = { ...contextOf(way), credential: Secret.from(randomUUID()) };
    await expect(vault.read(wrong, place)).rejects.toMatchObject({ code: "connection-refused" });
    await expect(vault.read({ ...contextOf(way), host: "http://127.0.0.1:9" }, place)).rejects.toMatchObject({ name: "RetryError" });
  });
});
