import { createPublicKey, generateKeyPairSync, type KeyObject, verify, X509Certificate } from "node:crypto";
import { selfSigned } from "../provider/self-signed.ts";
import { Secret } from "../secret.ts";
import { bearerOf, hex, Keys, random } from "./keys.ts";
import { startVendor, type VendorServer } from "./vendor.ts";

/**
 * A stand-in for Google's log-in of service accounts, API Keys v2, IAM's keys of service accounts and Gemini's list of models: pages,
 * long-running operations, keys that are deleted and stay in the list, and data planes that lag behind.
 */
export interface Google extends VendorServer {
  /** The key file of an administrator. */
  readonly admin: Secret;
  /** API keys of `projects/agents`. */
  readonly keys: Keys;
  /** Keys of service accounts; their value is the public half in PEM. */
  readonly accountKeys: Keys;
  createApiKey(name: string, restrictions?: object): { name: string; secret: Secret };
  /** A key that Google made, as its file; `email` of the account. */
  createAccountKey(email: string): { id: string; secret: Secret };
  /** API keys that are not deleted. */
  living(): string[];
}

const project = "projects/agents";

export async function startGoogle(): Promise<Google> {
  const [keys, accountKeys] = [new Keys(), new Keys()];
  const token = random(60);
  const extra = new Map<string, { restrictions: object; annotations: object; deleted: boolean }>();
  const operations = new Map<string, { response: unknown; asked: number }>();
  const of = (id: string) => extra.get(id) ?? { restrictions: {}, annotations: {}, deleted: false };
  const shown = (id: string) => {
    const { restrictions, annotations, deleted } = of(id);
    return {
      name: id,
      displayName: keys.get(id)?.name,
      createTime: keys.get(id)?.createdAt,
      etag: JSON.stringify([restrictions, annotations]),
      ...(Object.keys(restrictions).length === 0 ? {} : { restrictions }),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ...(deleted ? { deleteTime: "2026-11-25T12:00:00Z" } : {}),
    };
  };
  const addApiKey = (name: string, restrictions: object) => {
    const id = `${project}/locations/global/keys/${random(32, hex)}`;
    extra.set(id, { restrictions, annotations: {}, deleted: false });
    return keys.add({ id, name, value: `AIza${random(35)}` });
  };
  const operation = (response: unknown) => {
    const name = `operations/akmf.${random(20)}`;
    operations.set(name, { response, asked: 0 });
    return { name, done: false };
  };
  /** Whose each public half is, also while the log-in still takes one that is deleted. */
  const publicKeys = new Map<string, string>();
  const addAccountKey = (email: string, publicKey: KeyObject, certificate: string, origin: string) => {
    const value = publicKey.export({ type: "spki", format: "pem" }).toString();
    publicKeys.set(value, email);
    return accountKeys.add({ id: random(40, hex), name: email, value, fields: { certificate, origin } });
  };
  const accountKey = (id: string) => {
    const key = accountKeys.get(id);
    return {
      name: `${project}/serviceAccounts/${key?.name}/keys/${id}`,
      validAfterTime: key?.createdAt,
      keyOrigin: key?.fields["origin"],
      keyType: "USER_MANAGED",
      ...(key?.disabled === true ? { disabled: true } : {}),
    };
  };
  const createAccountKey = (email: string) => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 1024 }); // quick to make; Google's have 2048
    const { id } = addAccountKey(email, publicKey, selfSigned(privateKey, String(random(21, "0123456789"))), "GOOGLE_PROVIDED");
    const file = {
      type: "service_account",
      project_id: "agents",
      private_key_id: id,
      private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
      client_email: email,
    };
    return { id, secret: Secret.from(JSON.stringify(file)) };
  };
  const refusal = (code: number, status: string, reason: string) => ({
    error: { code, status, message: status, details: [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason }] },
  });
  const adminEmail = "rekey@agents.iam.gserviceaccount.com";
  const admin = createAccountKey(adminEmail);

  const server = await startVendor((app) => {
    app.post("/token", async (context) => {
      const assertion = new URLSearchParams(await context.req.text()).get("assertion") ?? "";
      const [header = "", claims = "", signature = ""] = assertion.split(".");
      const { iss } = JSON.parse(Buffer.from(claims, "base64url").toString()) as { iss: string };
      const signed = [...publicKeys].find(
        ([pem, email]) =>
          email === iss &&
          accountKeys.accepts(pem) &&
          verify("sha256", Buffer.from(`${header}.${claims}`), createPublicKey(pem), Buffer.from(signature, "base64url")),
      );
      if (signed === undefined) return context.json({ error: "invalid_grant", error_description: "Invalid JWT Signature." }, 400);
      return context.json({ access_token: iss === adminEmail ? token : random(60), token_type: "Bearer", expires_in: 3599 });
    });
    app.get("/v1beta/models", (context) => {
      const own = keys.live(context.req.header("x-goog-api-key"));
      if (own === undefined || own.disabled) return context.json(refusal(400, "INVALID_ARGUMENT", "API_KEY_INVALID"), 400);
      if (JSON.stringify(of(own.id).restrictions).includes("192.0.2.1"))
        return context.json(refusal(403, "PERMISSION_DENIED", "API_KEY_IP_ADDRESS_BLOCKED"), 403);
      return context.json({ models: [] });
    });
    for (const path of ["/v2/*", "/v1/*"])
      app.use(path, async (context, next) => {
        if (bearerOf(context.req.header("authorization")) !== token)
          return context.json(refusal(401, "UNAUTHENTICATED", "CREDENTIALS_MISSING"), 401);
        return next();
      });

    // https://cloud.google.com/api-keys/docs/reference/rest
    app.get("/v2/keys:lookupKey", (context) => {
      const found = keys.all().find(({ value }) => value === context.req.query("keyString"));
      return found === undefined
        ? context.json(refusal(400, "INVALID_ARGUMENT", "API_KEY_INVALID"), 400)
        : context.json({ parent: `${project}/locations/global`, name: found.id });
    });
    app.get("/v2/operations/:id", (context) => {
      const name = `operations/${context.req.param("id")}`;
      const known = operations.get(name);
      if (known === undefined) return context.json(refusal(404, "NOT_FOUND", "NOT_FOUND"), 404);
      return context.json(known.asked++ === 0 ? { name, done: false } : { name, done: true, response: known.response });
    });
    const root = "/v2/projects/:project/locations/global/keys";
    app.get(root, (context) => {
      const [size, at] = [Number(context.req.query("pageSize") ?? 50), Number(context.req.query("pageToken") ?? 0)];
      const all = keys.all().map(({ id }) => id);
      const next = at + size < all.length ? { nextPageToken: String(at + size) } : {};
      return context.json({ keys: all.slice(at, at + size).map(shown), ...next });
    });
    app.post(root, async (context) => {
      const { displayName, restrictions = {} } = await context.req.json<{ displayName: string; restrictions?: object }>();
      return context.json(operation(shown(addApiKey(displayName, restrictions).id)));
    });
    const idOf = (path: string) => path.replace("/v2/", "").replace("/keyString", "");
    app.get(`${root}/:key/keyString`, (context) => context.json({ keyString: keys.get(idOf(context.req.path))?.value }));
    app.get(`${root}/:key`, (context) => {
      const id = idOf(context.req.path);
      return keys.get(id) === undefined ? context.json(refusal(404, "NOT_FOUND", "NOT_FOUND"), 404) : context.json(shown(id));
    });
    app.patch(`${root}/:key`, async (context) => {
      const id = idOf(context.req.path);
      const { etag, ...fields } = await context.req.json<{ etag?: string; restrictions?: object; annotations?: object }>();
      if (etag !== undefined && etag !== shown(id).etag) return context.json(refusal(409, "ABORTED", "ETAG"), 409);
      extra.set(id, { ...of(id), ...fields });
      return context.json(operation(shown(id)));
    });
    app.delete(`${root}/:key`, (context) => {
      const id = idOf(context.req.path);
      extra.set(id, { ...of(id), deleted: true });
      keys.set(id, { disabled: true });
      return context.json(operation(shown(id)));
    });

    // https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts.keys
    const account = "/v1/projects/-/serviceAccounts/:email/keys";
    app.get(account, (context) => {
      const own = accountKeys.all().filter(({ name }) => name === context.req.param("email"));
      return context.json({ keys: own.map(({ id }) => accountKey(id)) });
    });
    app.post("/v1/projects/-/serviceAccounts/:email/keys:upload", async (context) => {
      const { publicKeyData } = await context.req.json<{ publicKeyData: string }>();
      const pem = Buffer.from(publicKeyData, "base64").toString();
      const { publicKey } = new X509Certificate(pem);
      const key = addAccountKey(context.req.param("email"), publicKey, pem, "USER_PROVIDED");
      return context.json(accountKey(key.id));
    });
    app.get("/v1/projects/:project/serviceAccounts/:email/keys/:key", (context) => {
      const pem = accountKeys.get(context.req.param("key"))?.fields["certificate"];
      if (typeof pem !== "string") return context.json(refusal(404, "NOT_FOUND", "NOT_FOUND"), 404);
      return context.json({ ...accountKey(context.req.param("key")), publicKeyData: Buffer.from(pem).toString("base64") });
    });
    app.post(`${account}/:action`, (context) => {
      const [id = "", action = ""] = context.req.param("action").split(":");
      const known = accountKeys.set(id, { disabled: action === "disable" });
      return known === undefined ? context.json(refusal(404, "NOT_FOUND", "NOT_FOUND"), 404) : context.json({});
    });
    app.delete(`${account}/:key`, (context) =>
      accountKeys.remove(context.req.param("key")) ? context.json({}) : context.json(refusal(404, "NOT_FOUND", "NOT_FOUND"), 404),
    );
  });
  return {
    ...server,
    admin: admin.secret,
    keys,
    accountKeys,
    createApiKey(name, restrictions = {}) {
      const key = addApiKey(name, restrictions);
      return { name: key.id, secret: Secret.from(key.value) };
    },
    createAccountKey,
    living: () => keys.all().flatMap(({ id }) => (of(id).deleted ? [] : [id])),
  };
}
