import { Secret } from "../secret.ts";
import { bearerOf, Keys, random } from "./keys.ts";
import { startVendor, type VendorServer } from "./vendor.ts";

/**
 * A stand-in for Hugging Face's revocation of credentials by whoever holds them (https://huggingface.co/docs/hub/security-tokens): 202
 * whatever happens, and `GET /api/whoami-v2` for a live token.
 */
export interface HuggingFace extends VendorServer {
  readonly keys: Keys;
  createToken(name: string): Secret;
}

export async function startHuggingFace(): Promise<HuggingFace> {
  const keys = new Keys();
  const server = await startVendor((app) => {
    app.post("/api/credentials/revoke", async (context) => {
      const { credentials = [] } = await context.req.json<{ credentials?: unknown[] }>();
      for (const { id, value } of keys.all()) if (credentials.includes(value)) keys.remove(id);
      return context.json({}, 202);
    });
    app.get("/api/whoami-v2", (context) => {
      const own = keys.live(bearerOf(context.req.header("authorization")));
      if (own === undefined) return context.json({ error: "Invalid credentials in Authorization header" }, 401);
      const name = keys.get(own.id)?.name ?? "";
      return context.json({ type: "user", name, auth: { type: "access_token", accessToken: { displayName: name, role: "read" } } });
    });
  });
  return { ...server, keys, createToken: (name) => Secret.from(keys.add({ name, value: `hf_${random(34)}` }).value) };
}
