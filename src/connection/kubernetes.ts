import { readFileSync } from "node:fs";
import type { DriverContext } from "../driver.ts";
import { HoldError } from "../errors.ts";
import { accept, type HttpAnswer, pinOf, request } from "../http.ts";

/** One object of the Kubernetes API, as far as we read it. */
export interface KubernetesObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string; readonly controller?: boolean }[];
  };
  readonly immutable?: boolean;
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
  readonly status?: Readonly<Record<string, unknown>>;
}

/** The API server by the token of a service account. Paths start with a slash. */
export interface KubernetesClient {
  /** Undefined where there is no such object. */
  get(path: string): Promise<KubernetesObject | undefined>;
  /** All pages; undefined where this account may not list. */
  list(path: string): Promise<readonly KubernetesObject[] | undefined>;
  /** False where it is there already. */
  create(path: string, object: object): Promise<boolean>;
  /** A merge patch; with `metadata.resourceVersion` in it only onto exactly that version. Undefined where the version is another. */
  patch(path: string, change: object): Promise<KubernetesObject | undefined>;
  remove(path: string): Promise<void>;
}

/** `host`: `https://cluster.internal:6443`, with `?ca=FILE` for a cluster's own authority. Throws HoldError("bad-connection"). */
export function connectKubernetes({ host, credential, timeout, signal }: DriverContext): KubernetesClient {
  const url = new URL(host);
  const file = url.searchParams.get("ca");
  const base = `${url.origin}${url.pathname.replace(/\/$/, "")}`;
  const call = (method: string, path: string, body?: object, type = "application/json"): Promise<HttpAnswer> =>
    request({
      method,
      url: `${base}${path}`,
      headers: {
        accept: "application/json",
        authorization: `Bearer ${credential?.reveal().trim() ?? ""}`,
        ...(body === undefined ? {} : { "content-type": type }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      pins: [pinOf(base)],
      timeout,
      maxBytes: 16 << 20,
      ...(file === null ? {} : { ca: authority(file) }),
      ...(signal === undefined ? {} : { signal }),
    });

  return {
    async get(path) {
      const answer = await call("GET", path);
      return answer.status === 404 ? undefined : objectOf(accept(answer, [200], "reading an object of Kubernetes", true));
    },
    async list(path) {
      const all: KubernetesObject[] = [];
      let next = "";
      for (let page = 0; page < 1000; page++) {
        const answer = await call("GET", `${path}?limit=250${next === "" ? "" : `&continue=${encodeURIComponent(next)}`}`);
        if (answer.status === 403) return undefined;
        const body = accept(answer, [200], "listing objects of Kubernetes", true);
        const { items, metadata } = body as { items?: unknown[]; metadata?: { continue?: string } };
        if (!Array.isArray(items)) throw unexpected();
        all.push(...items.map(objectOf));
        next = metadata?.continue ?? "";
        if (next === "") return all;
      }
      throw new HoldError("list-incomplete", "the pages of a Kubernetes list did not come to an end, so it is not complete");
    },
    async create(path, object) {
      const answer = await call("POST", path, object);
      if (answer.status === 409) return false;
      accept(answer, [201], "creating an object of Kubernetes");
      return true;
    },
    async patch(path, change) {
      const answer = await call("PATCH", path, change, "application/merge-patch+json");
      return answer.status === 409 ? undefined : objectOf(accept(answer, [200], "changing an object of Kubernetes"));
    },
    async remove(path) {
      const answer = await call("DELETE", path);
      if (answer.status !== 404) accept(answer, [200, 202], "deleting an object of Kubernetes");
    },
  };
}

function objectOf(body: unknown): KubernetesObject {
  const { metadata } = (typeof body === "object" && body !== null ? body : {}) as { metadata?: Record<string, unknown> };
  if (typeof metadata?.["name"] !== "string" || typeof metadata["resourceVersion"] !== "string") throw unexpected();
  return body as KubernetesObject;
}

function unexpected(): HoldError {
  return new HoldError("unexpected-answer", "this is no answer of the Kubernetes API; check the host of this connection");
}

function authority(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    throw new HoldError("bad-connection", "the authority of this Kubernetes connection (?ca=FILE) cannot be read");
  }
}
