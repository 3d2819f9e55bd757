import { Secret } from "../secret.ts";
import { bearerOf, Keys, random } from "./keys.ts";
import { startVendor, type VendorServer } from "./vendor.ts";

/**
 * A stand-in for Cloudflare's user API tokens (https://developers.cloudflare.com/api/resources/user/subresources/tokens): pages by number,
 * a whole token replaced by PUT, and `verify`, which tells a token its own id and status.
 */
export interface Cloudflare extends VendorServer {
  readonly adminToken: Secret;
  readonly keys: Keys;
  createToken(name: string): { id: string; secret: Secret };
}

export async function startCloudflare(): Promise<Cloudflare> {
  const adminToken = random(40);
  const keys = new Keys();
  const policies = [{ effect: "allow", resources: { "com.cloudflare.api.account.zone.*": "*" }, permission_groups: [{ id: "zone-read" }] }];
  const shown = (id: string) => {
    const key = keys.get(id);
    return {
      id,
      name: key?.name,
      status: key?.disabled === true ? "disabled" : "active",
      issued_on: key?.createdAt,
      policies,
      ...key?.fields,
    };
  };
  const server = await startVendor((app) => {
    const failure = (code: number, message: string) => ({ success: false, errors: [{ code, message }], result: null });
    const ok = (result: unknown) => ({ success: true, errors: [], result });
    const base = "/client/v4/user/tokens";
    app.get(`${base}/verify`, (context) => {
      const own = keys.live(bearerOf(context.req.header("authorization")));
      if (own === undefined) return context.json(failure(1000, "Invalid API Token"), 401);
      return context.json(ok({ id: own.id, status: own.disabled ? "disabled" : "active" }));
    });
    app.use(`${base}/*`, async (context, next) => {
      if (bearerOf(context.req.header("authorization")) !== adminToken)
        return context.json(failure(9109, "Unauthorized to access requested resource"), 403);
      return next();
    });
    app.get(base, (context) => {
      const [size, page] = [Number(context.req.query("per_page") ?? 20), Number(context.req.query("page") ?? 1)];
      const all = keys.all().map(({ id }) => shown(id));
      const result_info = { page, per_page: size, total_count: all.length, total_pages: Math.ceil(all.length / size) };
      return context.json({ ...ok(all.slice((page - 1) * size, page * size)), result_info });
    });
    app.post(base, async (context) => {
      const { name = "", ...fields } = await context.req.json<Record<string, unknown>>();
      const key = keys.add({ name: String(name), value: random(40), fields });
      return context.json(ok({ ...shown(key.id), value: key.value }));
    });
    app.get(`${base}/:id`, (context) =>
      keys.get(context.req.param("id")) === undefined
        ? context.json(failure(1001, "not found"), 404)
        : context.json(ok(shown(context.req.param("id")))),
    );
    app.put(`${base}/:id`, async (context) => {
      const { status, policies: wanted } = await context.req.json<{ status: string; policies?: unknown[] }>();
      if (wanted === undefined) return context.json(failure(1004, "policies are required"), 400);
      const key = keys.set(context.req.param("id"), { disabled: status === "disabled" });
      return key === undefined ? context.json(failure(1001, "not found"), 404) : context.json(ok(shown(key.id)));
    });
    app.delete(`${base}/:id`, (context) =>
      keys.remove(context.req.param("id"))
        ? context.json(ok({ id: context.req.param("id") }))
        : context.json(failure(1001, "not found"), 404),
    );
  });
  return {
    ...server,
    adminToken: Secret.from(adminToken),
    keys,
    createToken(name) {
      const key = keys.add({ name, value: random(40) });
      return { id: key.id, secret: Secret.from(key.value) };
    },
  };
}
