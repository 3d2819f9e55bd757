import { randomUUID } from "node:crypto";
import { Secret } from "../secret.ts";
import { bearerOf, random } from "./keys.ts";
import { startVendor, type VendorServer } from "./vendor.ts";

interface Stored {
  metadata: {
    name: string;
    namespace: string;
    resourceVersion: string;
    annotations?: Record<string, string>;
    labels?: Record<string, string>;
    ownerReferences?: { kind: string; name: string; controller: boolean }[];
  };
  data?: Record<string, string>;
  [field: string]: unknown;
}

/**
 * A stand-in for the Kubernetes API server: Secrets and ExternalSecrets with resource versions, conflicts, merge patches and pages
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/). An ExternalSecret refreshes when its annotations change.
 */
export interface Kubernetes extends VendorServer {
  readonly token: Secret;
  /** Somebody else writes the whole Secret; returns its resourceVersion. */
  write(path: string, fields: Readonly<Record<string, string>>, more?: object): string;
  valueOf(path: string, field: string): string | undefined;
  /** Names of all Secrets. */
  names(): string[];
  /** An ExternalSecret that takes its Secret from `source` when it is refreshed. */
  externalSecret(path: string, source: () => Readonly<Record<string, string>> | undefined): void;
  /** A workload's token, which a TokenReview knows until it is taken back. */
  serviceAccount(namespace: string, name: string): { readonly token: Secret; remove(): void };
}

export async function startKubernetes(): Promise<Kubernetes> {
  const token = random(40);
  const secrets = new Map<string, Stored>();
  const externals = new Map<string, Stored & { source: () => Readonly<Record<string, string>> | undefined }>();
  const accounts = new Map<string, { username: string; uid: string }>();
  let version = 1000;
  const next = () => String(++version);
  const base64 = (fields: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, Buffer.from(value).toString("base64")]));
  const write = (path: string, fields: Readonly<Record<string, string>>, more: object = {}) => {
    const [namespace = "", name = ""] = path.split("/");
    const { metadata, ...rest } = more as { metadata?: object };
    const stored: Stored = {
      type: "Opaque",
      ...rest,
      metadata: { ...metadata, name, namespace, resourceVersion: next() },
      data: base64(fields),
    };
    secrets.set(path, stored);
    return stored.metadata.resourceVersion;
  };
  const status = (code: number, reason: string) => ({ kind: "Status", status: "Failure", reason, code });
  const merge = (target: unknown, change: unknown): unknown => {
    if (typeof change !== "object" || change === null || Array.isArray(change)) return change;
    const result: Record<string, unknown> = { ...(typeof target === "object" ? target : {}) };
    for (const [key, value] of Object.entries(change)) {
      if (value === null) delete result[key];
      else result[key] = merge(result[key], value);
    }
    return result;
  };
  /** The changed object, or a status code. */
  const patched = (store: Map<string, Stored>, path: string, change: Partial<Stored>): Stored | number => {
    const before = store.get(path);
    if (before === undefined) return 404;
    const expected = change.metadata?.resourceVersion;
    if (expected !== undefined && expected !== before.metadata.resourceVersion) return 409;
    const merged = merge(before, change) as Stored;
    merged.metadata = { ...merged.metadata, resourceVersion: next() };
    store.set(path, merged);
    return merged;
  };
  const shown = ({ source: _, ...object }: Stored) => object;

  const server = await startVendor((app) => {
    app.use("/*", async (context, next) => {
      if (bearerOf(context.req.header("authorization")) !== token) return context.json(status(401, "Unauthorized"), 401);
      if (context.req.path.includes("/namespaces/forbidden/")) return context.json(status(403, "Forbidden"), 403);
      return next();
    });
    const root = "/api/v1/namespaces/:namespace/secrets";
    app.get(root, (context) => {
      const all = [...secrets.values()].filter(({ metadata }) => metadata.namespace === context.req.param("namespace"));
      const [limit, at] = [Number(context.req.query("limit") ?? 500), Number(context.req.query("continue") ?? 0)];
      const more = at + limit < all.length ? { continue: String(at + limit) } : {};
      return context.json({
        kind: "SecretList",
        metadata: { resourceVersion: String(version), ...more },
        items: all.slice(at, at + limit),
      });
    });
    app.post(root, async (context) => {
      const body = await context.req.json<Stored>();
      const path = `${context.req.param("namespace")}/${body.metadata.name}`;
      if (secrets.has(path)) return context.json(status(409, "AlreadyExists"), 409);
      secrets.set(path, { ...body, metadata: { ...body.metadata, resourceVersion: next() } });
      return context.json(secrets.get(path), 201);
    });
    app.get(`${root}/:name`, (context) => {
      const found = secrets.get(`${context.req.param("namespace")}/${context.req.param("name")}`);
      return found === undefined ? context.json(status(404, "NotFound"), 404) : context.json(found);
    });
    app.patch(`${root}/:name`, async (context) => {
      const path = `${context.req.param("namespace")}/${context.req.param("name")}`;
      const result = patched(secrets, path, await context.req.json<Partial<Stored>>());
      if (result === 404) return context.json(status(404, "NotFound"), 404);
      return typeof result === "number" ? context.json(status(409, "Conflict"), 409) : context.json(result);
    });
    app.delete(`${root}/:name`, (context) => {
      const known = secrets.delete(`${context.req.param("namespace")}/${context.req.param("name")}`);
      return known ? context.json({ kind: "Status", status: "Success" }) : context.json(status(404, "NotFound"), 404);
    });

    // https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/
    app.post("/apis/authentication.k8s.io/v1/tokenreviews", async (context) => {
      const { spec } = await context.req.json<{ spec: { token: string; audiences?: string[] } }>();
      const user = accounts.get(spec.token);
      const review = user === undefined ? { authenticated: false } : { authenticated: true, user, audiences: spec.audiences ?? [] };
      return context.json({ kind: "TokenReview", apiVersion: "authentication.k8s.io/v1", metadata: {}, spec, status: review }, 201);
    });

    const external = "/apis/external-secrets.io/v1/namespaces/:namespace/externalsecrets/:name";
    app.get(external, (context) => {
      const found = externals.get(`${context.req.param("namespace")}/${context.req.param("name")}`);
      return found === undefined ? context.json(status(404, "NotFound"), 404) : context.json(shown(found));
    });
    app.patch(external, async (context) => {
      const path = `${context.req.param("namespace")}/${context.req.param("name")}`;
      const result = patched(externals as Map<string, Stored>, path, await context.req.json<Partial<Stored>>());
      if (typeof result === "number") return context.json(status(404, "NotFound"), 404);
      setTimeout(() => refresh(path), 20); // the controller comes by later
      return context.json(shown(result));
    });
  });

  function refresh(path: string): void {
    const object = externals.get(path);
    if (object === undefined) return;
    const fields = object.source();
    const ready = fields !== undefined;
    if (ready)
      write(path, fields, { metadata: { ownerReferences: [{ kind: "ExternalSecret", name: path.split("/")[1], controller: true }] } });
    const conditions = [{ type: "Ready", status: ready ? "True" : "False", reason: ready ? "SecretSynced" : "SecretSyncedError" }];
    const refreshTime = new Date(Date.parse("2026-11-25T09:00:00Z") + ++version * 1000).toISOString();
    const before = (object["status"] ?? {}) as object;
    externals.set(path, { ...object, status: { ...before, conditions, ...(ready ? { refreshTime } : {}) } });
  }

  return {
    ...server,
    token: Secret.from(token),
    write,
    valueOf(path, field) {
      const value = secrets.get(path)?.data?.[field];
      return value === undefined ? undefined : Buffer.from(value, "base64").toString("utf8");
    },
    names: () => [...secrets.keys()],
    serviceAccount(namespace, name) {
      const [uid, now] = [randomUUID(), Math.floor(Date.now() / 1000)];
      const claims = {
        iss: "https://kubernetes.default.svc",
        aud: ["https://kubernetes.default.svc"],
        sub: `system:serviceaccount:${namespace}:${name}`,
        iat: now,
        nbf: now,
        exp: now + 3600,
        "kubernetes.io": { namespace, serviceaccount: { name, uid } },
      };
      const parts = [{ alg: "RS256", typ: "JWT" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
      const signed = `${parts.join(".")}.${random(43)}`; // only a TokenReview says whether it holds
      accounts.set(signed, { username: claims.sub, uid });
      return { token: Secret.from(signed), remove: () => void accounts.delete(signed) };
    },
    externalSecret(path, source) {
      const [namespace = "", name = ""] = path.split("/");
      externals.set(path, { metadata: { name, namespace, resourceVersion: next() }, source });
      refresh(path);
    },
  };
}
