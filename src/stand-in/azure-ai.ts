import { Secret } from "../secret.ts";
import { bearerOf, Keys, random } from "./keys.ts";
import { startVendor, type VendorServer } from "./vendor.ts";

/**
 * A stand-in for Azure's log-in, Resource Manager and the data plane of AI accounts: subscriptions, accounts by page, two keys each, and a
 * regeneration that kills the slot's old value at once (https://learn.microsoft.com/rest/api/aiservices/accountmanagement).
 */
export interface AzureAi extends VendorServer {
  /** `tenant:client:secret` */
  readonly principal: Secret;
  readonly keys: Keys;
  /** Id of the account; its key 1 is the one that somebody uses. */
  createAccount(name: string): { id: string; key1: Secret; key2: Secret };
  valueOf(account: string, slot: "key1" | "key2"): string | undefined;
}

export async function startAzureAi(): Promise<AzureAi> {
  const [client, password, token] = [random(20), random(40), random(60)];
  const keys = new Keys();
  const accounts: string[] = [];
  const subscription = "/subscriptions/00000000-0000-4000-8000-000000000001";
  const value = () => random(84);
  const both = (account: string) => ({ key1: keys.get(`${account}#key1`)?.value, key2: keys.get(`${account}#key2`)?.value });
  let url = "";
  const server = await startVendor((app) => {
    app.post("/:tenant/oauth2/v2.0/token", async (context) => {
      if (context.req.param("tenant") !== "tenant")
        return context.json({ error: "invalid_request", error_description: "AADSTS90002" }, 400);
      const form = new URLSearchParams(await context.req.text());
      if (form.get("client_id") !== client || form.get("client_secret") !== password)
        return context.json({ error: "invalid_client", error_description: "AADSTS7000215" }, 401);
      return context.json({ access_token: token, token_type: "Bearer", expires_in: 3599 });
    });
    app.use("/subscriptions/*", async (context, next) => {
      if (bearerOf(context.req.header("authorization")) !== token)
        return context.json({ error: { code: "AuthenticationFailed", message: "Authentication failed." } }, 401);
      return next();
    });
    app.get("/subscriptions", (context) => context.json({ value: [{ subscriptionId: subscription.split("/")[2] }] }));
    app.get("/subscriptions/:s/providers/Microsoft.CognitiveServices/accounts", (context) => {
      const at = Number(context.req.query("$skiptoken") ?? 0);
      const next = at + 20 < accounts.length ? { nextLink: `${url}${context.req.path}?api-version=2024-10-01&$skiptoken=${at + 20}` } : {};
      return context.json({ value: accounts.slice(at, at + 20).map((id) => ({ id })), ...next });
    });
    const root = "/subscriptions/:s/resourceGroups/:g/providers/Microsoft.CognitiveServices/accounts/:name";
    app.get(root, (context) =>
      accounts.includes(context.req.path) ? context.json({ properties: { endpoint: `${url}/` } }) : context.json({}, 404),
    );
    app.post(`${root}/listKeys`, (context) => context.json(both(context.req.path.replace("/listKeys", ""))));
    app.post(`${root}/regenerateKey`, async (context) => {
      const account = context.req.path.replace("/regenerateKey", "");
      const { keyName } = await context.req.json<{ keyName: string }>();
      keys.set(`${account}#${keyName.toLowerCase()}`, { value: value() });
      return context.json(both(account));
    });
    app.get("/openai/models", (context) =>
      keys.accepts(context.req.header("api-key"))
        ? context.json({ object: "list", data: [] })
        : context.json({ error: { code: "401", message: "Access denied due to invalid subscription key or wrong API endpoint." } }, 401),
    );
  });
  url = server.url;
  return {
    ...server,
    principal: Secret.from(`tenant:${client}:${password}`),
    keys,
    createAccount(name) {
      const id = `${subscription}/resourceGroups/agents/providers/Microsoft.CognitiveServices/accounts/${name}`;
      accounts.push(id);
      const [one, two] = (["key1", "key2"] as const).map((slot) => keys.add({ id: `${id}#${slot}`, name: slot, value: value() }));
      return { id, key1: Secret.from(one?.value ?? ""), key2: Secret.from(two?.value ?? "") };
    },
    valueOf: (account, slot) => keys.get(`${account}#${slot}`)?.value,
  };
}
