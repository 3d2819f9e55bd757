import { generateKeyPairSync, randomBytes } from "node:crypto";
import type { Context, Hono } from "hono";
import type { App, State } from "./state.ts";

interface Manifest {
  readonly name: string;
  readonly redirect_url: string;
  readonly hook_attributes: { readonly url: string };
  readonly default_permissions: App["permissions"];
  readonly default_events: readonly string[];
}

/** Registering an App from a manifest: the form that a browser sends, and the code that is exchanged once. */
export function manifestRoutes(api: Hono, state: State, url: string): void {
  const codes = new Map<string, Manifest>();
  const register = async (context: Context) => {
    const manifest = JSON.parse(String((await context.req.parseBody())["manifest"])) as Manifest;
    const code = randomBytes(10).toString("hex");
    codes.set(code, manifest);
    const back = new URL(manifest.redirect_url);
    back.searchParams.set("code", code);
    back.searchParams.set("state", context.req.query("state") ?? "");
    return context.redirect(back.href, 302);
  };
  api.post("/settings/apps/new", register);
  api.post("/organizations/:org/settings/apps/new", register);
  api.post("/app-manifests/:code/conversions", (context) => {
    const manifest = codes.get(context.req.param("code"));
    codes.delete(context.req.param("code"));
    if (manifest === undefined) return context.json({ message: "Not Found" }, 404);
    const keys = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs1", format: "pem" },
    });
    const app = {
      id: state.id(),
      slug: manifest.name.toLowerCase().replaceAll(/\W+/g, "-"),
      publicKey: keys.publicKey,
      webhookUrl: manifest.hook_attributes.url,
      webhookSecret: randomBytes(20).toString("hex"),
      installation: state.id(),
      permissions: manifest.default_permissions,
      events: manifest.default_events,
    };
    state.app = app;
    state.users.set(`${app.slug}[bot]`, { id: state.id(), login: `${app.slug}[bot]`, type: "Bot", token: "" });
    return context.json(
      {
        id: app.id,
        slug: app.slug,
        html_url: `${url}/apps/${app.slug}`,
        client_id: "Iv-made",
        client_secret: randomBytes(20).toString("hex"),
        webhook_secret: app.webhookSecret,
        pem: keys.privateKey,
      },
      201,
    );
  });
}
