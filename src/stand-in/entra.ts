import { randomUUID } from "node:crypto";
import { Secret } from "../secret.ts";
import { bearerOf, Keys, random } from "./keys.ts";
import { startVendor, type VendorServer } from "./vendor.ts";

/**
 * A stand-in for Entra's log-in and Microsoft Graph's applications: pages by link, secrets that are shown once with a hint of three
 * characters, and a log-in that lags behind (https://learn.microsoft.com/graph/api/resources/passwordcredential).
 */
export interface Entra extends VendorServer {
  /** `tenant:client:secret` of a principal that may change applications. */
  readonly principal: Secret;
  readonly keys: Keys;
  createApplication(): { application: string; client: string };
  createSecret(client: string, name: string): Secret;
}

export async function startEntra(): Promise<Entra> {
  const [admin, password, token] = [randomUUID(), random(40), random(60)];
  const keys = new Keys();
  const applications = new Map<string, string>();
  /** Whose a secret is, also while the log-in still takes one that is removed. */
  const clients = new Map<string, string>();
  const value = () => `${random(3)}8Q~${random(34)}`;
  const shown = (client: string, id: string) => ({
    id,
    appId: client,
    displayName: "an application",
    passwordCredentials: keys
      .all()
      .filter(({ fields }) => fields["client"] === client)
      .map(({ id: keyId, name, value: secret, createdAt, fields }) => ({
        keyId,
        displayName: name,
        hint: secret.slice(0, 3),
        startDateTime: createdAt,
        endDateTime: fields["ends"],
        secretText: null,
      })),
  });
  const add = (client: string, name: string, ends: unknown = "2099-01-01T00:00:00Z") => {
    const key = keys.add({ id: randomUUID(), name, value: value(), fields: { client, ends } });
    clients.set(key.id, client);
    return key;
  };
  let url = "";
  const server = await startVendor((app) => {
    app.post("/:tenant/oauth2/v2.0/token", async (context) => {
      const form = new URLSearchParams(await context.req.text());
      const [client, secret] = [form.get("client_id") ?? "", form.get("client_secret") ?? ""];
      const known = keys.live(secret);
      if (client === admin && secret === password) return context.json({ access_token: token, token_type: "Bearer", expires_in: 3599 });
      if (known !== undefined && clients.get(known.id) === client)
        return context.json({ access_token: random(60), token_type: "Bearer", expires_in: 3599 });
      return context.json(
        { error: "invalid_client", error_description: "AADSTS7000215: Invalid client secret.", error_codes: [7000215] },
        401,
      );
    });
    app.use("/v1.0/*", async (context, next) => {
      if (bearerOf(context.req.header("authorization")) !== token)
        return context.json({ error: { code: "InvalidAuthenticationToken", message: "Access token is invalid." } }, 401);
      return next();
    });
    app.get("/v1.0/applications", (context) => {
      const only = /^appId eq '([\w-]+)'$/.exec(context.req.query("$filter") ?? "")?.[1];
      const all = [...applications].filter(([client]) => only === undefined || client === only);
      const [top, at] = [Number(context.req.query("$top") ?? 100), Number(context.req.query("$skiptoken") ?? 0)];
      const next = at + top < all.length ? { "@odata.nextLink": `${url}/v1.0/applications?$top=${top}&$skiptoken=${at + top}` } : {};
      return context.json({ value: all.slice(at, at + top).map(([client, id]) => shown(client, id)), ...next });
    });
    const clientOf = (id: string) => [...applications].find(([, application]) => application === id)?.[0];
    app.get("/v1.0/applications/:id", (context) => {
      const client = clientOf(context.req.param("id"));
      return client === undefined
        ? context.json({ error: { code: "Request_ResourceNotFound" } }, 404)
        : context.json(shown(client, context.req.param("id")));
    });
    app.post("/v1.0/applications/:id/addPassword", async (context) => {
      const client = clientOf(context.req.param("id"));
      if (client === undefined) return context.json({ error: { code: "Request_ResourceNotFound" } }, 404);
      const { passwordCredential } = await context.req.json<{ passwordCredential: { displayName: string; endDateTime?: string } }>();
      const key = add(client, passwordCredential.displayName, passwordCredential.endDateTime);
      const own = shown(client, context.req.param("id")).passwordCredentials.find(({ keyId }) => keyId === key.id);
      return context.json({ ...own, secretText: key.value });
    });
    app.post("/v1.0/applications/:id/removePassword", async (context) => {
      const { keyId } = await context.req.json<{ keyId: string }>();
      return keys.remove(keyId)
        ? context.body(null, 204)
        : context.json({ error: { code: "Request_BadRequest", message: `No password credential found with keyId '${keyId}'.` } }, 400);
    });
  });
  url = server.url;
  return {
    ...server,
    principal: Secret.from(`tenant:${admin}:${password}`),
    keys,
    createApplication() {
      const [application, client] = [randomUUID(), randomUUID()];
      applications.set(client, application);
      return { application, client };
    },
    createSecret: (client, name) => Secret.from(add(client, name).value),
  };
}
