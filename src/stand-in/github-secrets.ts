import { createVerify, generateKeyPairSync } from "node:crypto";
import sodium from "libsodium-wrappers";
import { Secret } from "../secret.ts";
import { bearerOf, random } from "./keys.ts";
import { startVendor, type VendorServer } from "./vendor.ts";

/**
 * A stand-in for GitHub's secrets (https://docs.github.com/rest/actions/secrets): an App with a private key, installations, tokens for
 * single repositories and permissions, sealed boxes that it opens, and no way to read a value back. Times are of whole seconds.
 */
export interface GitHubSecrets extends VendorServer {
  /** The App's id and key, as a connection holds them. */
  readonly app: Secret;
  /** What a workflow would see. `place` as in `stored_in`: `actions/acme/triage`. */
  valueOf(place: string, name: string): string | undefined;
  /** Somebody else writes it; returns the new time. A second later than the last write. */
  write(place: string, name: string, value: string, visibility?: { visibility: string; repositories: number[] }): string;
  visibilityOf(place: string, name: string): { visibility: string; repositories: number[] } | undefined;
}

interface Stored {
  value: string;
  createdAt: string;
  updatedAt: string;
  visibility: string;
  repositories: number[];
}

export async function startGitHubSecrets(permissions: Readonly<Record<string, string>> = everything): Promise<GitHubSecrets> {
  await sodium.ready;
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const box = sodium.crypto_box_keypair();
  const appId = "4711";
  const stored = new Map<string, Stored>();
  const tokens = new Map<string, { permissions: Record<string, string>; repositories?: string[] }>();
  let second = Date.parse("2026-11-25T09:00:00Z");
  const tick = () => {
    second += 1000;
    return new Date(second).toISOString().replace(".000", "");
  };
  const put = (key: string, value: string, visibility?: { visibility: string; repositories: number[] }) => {
    const at = tick();
    const before = stored.get(key);
    const { visibility: who = "private", repositories = [] } = visibility ?? before ?? {};
    stored.set(key, { value, createdAt: before?.createdAt ?? at, updatedAt: at, visibility: who, repositories });
    return at;
  };
  const isApp = (header: string | undefined) => {
    const [head = "", body = "", signature = ""] = (bearerOf(header) ?? "").split(".");
    const valid = createVerify("sha256").update(`${head}.${body}`).verify(publicKey, signature, "base64url");
    const claims = valid ? (JSON.parse(Buffer.from(body, "base64url").toString()) as { iss?: string; exp?: number }) : {};
    return claims.iss === appId && (claims.exp ?? 0) * 1000 > Date.now();
  };

  const server = await startVendor((app) => {
    const unauthorized = { message: "Bad credentials", documentation_url: "https://docs.github.com/rest", status: "401" };
    for (const path of ["/orgs/:owner/installation", "/repos/:owner/:repo/installation"]) {
      app.get(path, (context) => {
        if (!isApp(context.req.header("authorization"))) return context.json(unauthorized, 401);
        return context.req.param("owner") === "acme" ? context.json({ id: 99 }) : context.json({ message: "Not Found" }, 404);
      });
    }
    app.get("/app", (context) =>
      isApp(context.req.header("authorization")) ? context.json({ id: Number(appId), permissions }) : context.json(unauthorized, 401),
    );
    app.post("/app/installations/99/access_tokens", async (context) => {
      if (!isApp(context.req.header("authorization"))) return context.json(unauthorized, 401);
      const wanted = await context.req.json<{ permissions: Record<string, string>; repositories?: string[] }>();
      if (Object.entries(wanted.permissions).some(([name, level]) => permissions[name] !== level))
        return context.json({ message: "The permissions requested are not granted to this installation." }, 422);
      const token = `ghs_${random(36)}`;
      tokens.set(token, wanted);
      return context.json({ token, expires_at: new Date(Date.now() + 3_600_000).toISOString() }, 201);
    });

    for (const [prefix, kind, permission] of areas) {
      app.use(`${prefix}/*`, async (context, next) => {
        const grant = tokens.get(bearerOf(context.req.header("authorization")) ?? "");
        if (grant === undefined) return context.json(unauthorized, 401);
        const repository = context.req.param("repo");
        const reaches = repository === undefined || grant.repositories?.includes(repository) === true;
        if (grant.permissions[permission] !== "write" || !reaches)
          return context.json({ message: "Resource not accessible by integration" }, 403);
        return next();
      });
      const keyOf = (params: Record<string, string>, name: string) =>
        `${[kind, params["owner"], params["repo"], params["environment"]].filter((part) => part !== undefined).join("/")}#${name.toUpperCase()}`;
      app.get(`${prefix}/public-key`, (context) =>
        context.json({ key_id: "568250167242549743", key: Buffer.from(box.publicKey).toString("base64") }),
      );
      app.get(`${prefix}/:name`, (context) => {
        const it = stored.get(keyOf(context.req.param(), context.req.param("name")));
        if (it === undefined) return context.json({ message: "Not Found" }, 404);
        const org = kind.endsWith("organization") ? { visibility: it.visibility } : {};
        return context.json({ name: context.req.param("name"), created_at: it.createdAt, updated_at: it.updatedAt, ...org });
      });
      app.get(`${prefix}/:name/repositories`, (context) => {
        const it = stored.get(keyOf(context.req.param(), context.req.param("name")));
        const [size, page] = [Number(context.req.query("per_page") ?? 30), Number(context.req.query("page") ?? 1)];
        const ids = (it?.repositories ?? []).slice((page - 1) * size, page * size);
        return context.json({ total_count: it?.repositories.length ?? 0, repositories: ids.map((id) => ({ id })) });
      });
      app.put(`${prefix}/:name`, async (context) => {
        const body = await context.req.json<{
          encrypted_value: string;
          key_id: string;
          visibility?: string;
          selected_repository_ids?: number[];
        }>();
        if (body.key_id !== "568250167242549743") return context.json({ message: "key_id is not the current one" }, 422);
        if (kind.endsWith("organization") && body.visibility === undefined) return context.json({ message: "visibility is required" }, 422);
        const opened = sodium.crypto_box_seal_open(Buffer.from(body.encrypted_value, "base64"), box.publicKey, box.privateKey);
        const key = keyOf(context.req.param(), context.req.param("name"));
        const known = stored.has(key);
        const { visibility = "private", selected_repository_ids: repositories = [] } = body;
        put(key, Buffer.from(opened).toString("utf8"), { visibility, repositories });
        return known ? context.body(null, 204) : context.json({}, 201);
      });
    }
  });
  const keyOf = (place: string, name: string) => `${place}#${name.toUpperCase()}`;
  return {
    ...server,
    app: Secret.from(`${appId}\n${privateKey.export({ type: "pkcs1", format: "pem" }).toString()}`),
    valueOf: (place, name) => stored.get(keyOf(place, name))?.value,
    write: (place, name, value, visibility) => put(keyOf(place, name), value, visibility),
    visibilityOf: (place, name) => stored.get(keyOf(place, name)),
  };
}

/** Path, kind of place, the permission that it takes. */
const areas = [
  ["/repos/:owner/:repo/actions/secrets", "actions", "secrets"],
  ["/repos/:owner/:repo/dependabot/secrets", "dependabot", "dependabot_secrets"],
  ["/repos/:owner/:repo/codespaces/secrets", "codespaces", "codespaces_secrets"],
  ["/repos/:owner/:repo/environments/:environment/secrets", "environment", "environments"],
  ["/orgs/:owner/actions/secrets", "organization", "organization_secrets"],
  ["/orgs/:owner/dependabot/secrets", "dependabot-organization", "organization_dependabot_secrets"],
] as const;

const everything: Readonly<Record<string, string>> = Object.fromEntries(areas.map(([, , permission]) => [permission, "write"]));
