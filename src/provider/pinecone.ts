import { z } from "zod";
import type { Driver, DriverContext, KeyRecord, ProbeResult } from "../driver.ts";
import { HoldError, UnknownOutcomeError } from "../errors.ts";
import { accept, type HttpAnswer, isLoopback, json, shaped } from "../http.ts";
import { Secret } from "../secret.ts";
import { ownName, probeAnswer } from "./answer.ts";
import { attributesOf, bearer, discardNamed, gone, manifest, parsed, segment, send } from "./vendor.ts";

/**
 * API keys of Pinecone's projects by a service account of the organisation (https://docs.pinecone.io/reference/api/2026-04/admin):
 * create, list, delete. A list shows names and roles and nothing of a value, and a key does not say whose it is: so only a key that
 * Rekey made itself can be named, and any other is deleted by hand.
 */
export const pinecone: Driver = {
  manifest: manifest({
    type: "pinecone/api-key",
    name: "Pinecone API key",
    detectors: ["pinecone-api-key"],
    class: "m-delete",
    verbs: ["list", "issue", "revoke", "probe"],
    // Undocumented for keys (November 2026); a service account's secret ends within seconds: a margin over caches.
    propagation: { create: 10_000, revoke: 60_000 },
    probeCall: "GET /indexes",
    tells: [],
    hosts: ["api.pinecone.io"],
    proof: "both",
    invalidMeansDead: false,
    pages: {
      revoke: "https://app.pinecone.io/organizations/-/projects/-/keys",
      issue: "https://app.pinecone.io/organizations/-/projects/-/keys",
    },
    rights: {
      list: ["a service account that owns the organization (Settings > Access > Service accounts)"],
      issue: ["a service account that owns the organization"],
      revoke: ["a service account that owns the organization"],
    },
    rehearsal: { roles: '["ProjectViewer"]' },
  }),

  list: async (context) => listed(context, await tokenOf(context)),

  async issue(context, { name, like }) {
    const { project_id, roles } = like.attributes;
    const path = `/admin/projects/${segment(project_id, "the id of a Pinecone project")}/api-keys`;
    const body = { name: ownName(name), ...(roles === undefined ? {} : { roles: parsed(roles) }) };
    const answer = await call(context, await tokenOf(context), "POST", path, body);
    const created = Created.safeParse(accept(answer, [200, 201], "creating a Pinecone key"));
    if (!created.success) throw new UnknownOutcomeError("Pinecone made a key, but its answer has none in it; discard it by its name");
    return { record: recordOf(created.data.key), secret: Secret.from(created.data.value), companions: {} };
  },

  async discard(context, { name }) {
    const token = await tokenOf(context);
    return discardNamed(await listed(context, token), name, (record) => remove(context, token, record));
  },

  revoke: async (context, record) => remove(context, await tokenOf(context), record),

  probe(context, { secret }) {
    const headers = { "api-key": secret.reveal(), "x-pinecone-api-version": version };
    return probeAnswer(() => send(context, { method: "GET", path: "/indexes", headers }), judge);
  },
};

const version = "2026-04";
const Key = z.object({ id: z.string(), name: z.string().nullish(), project_id: z.string(), roles: z.array(z.string()).nullish() });
const Created = z.object({ key: Key, value: z.string().min(1) });
const Token = z.object({ access_token: z.string().min(1) });

/** By the client credentials of a service account; the connection's credential is `client-id:client-secret`. */
async function tokenOf(context: DriverContext): Promise<Secret> {
  const [, id, secret] = /^([^:\s]+):(\S+)$/.exec((context.credential?.reveal() ?? "").trim()) ?? [];
  if (id === undefined || secret === undefined)
    throw new HoldError("bad-credential", "the credential of this Pinecone connection is not of the form client-id:client-secret");
  const what = "logging in to Pinecone";
  const host = isLoopback(new URL(context.host).hostname) ? context.host : "https://login.pinecone.io";
  const body = { grant_type: "client_credentials", client_id: id, client_secret: secret, audience: "https://api.pinecone.io/" };
  const headers = { "x-pinecone-api-version": version };
  const answer = await send({ ...context, host }, { method: "POST", path: "/oauth/token", headers, body, safe: true });
  return Secret.from(shaped(Token, accept(answer, [200], what, true), what).access_token);
}

/** The keys of every project; neither list has pages. */
async function listed(context: DriverContext, token: Secret): Promise<KeyRecord[]> {
  const what = "listing Pinecone keys";
  const read = async <Item extends z.ZodType>(path: string, item: Item) =>
    shaped(z.object({ data: z.array(item) }), accept(await call(context, token, "GET", path), [200], what, true), what).data;
  const projects = await read("/admin/projects", z.object({ id: z.string() }));
  const records: KeyRecord[] = [];
  for (const { id } of projects) {
    const keys = await read(`/admin/projects/${segment(id, "the id of a Pinecone project")}/api-keys`, Key);
    records.push(...keys.map(recordOf));
  }
  return records;
}

async function remove(context: DriverContext, token: Secret, { id }: KeyRecord): Promise<void> {
  const path = `/admin/api-keys/${segment(id, "the id of a Pinecone key")}`;
  gone(await call(context, token, "DELETE", path, undefined, true), [200, 202, 204], "deleting a Pinecone key");
}

function judge(answer: HttpAnswer): ProbeResult | undefined {
  const body = json(answer);
  if (answer.status === 200 && z.object({ indexes: z.array(z.unknown()) }).safeParse(body).success) return { answer: "alive", code: "200" };
  const refusal = z.object({ error: z.object({ code: z.literal("UNAUTHENTICATED") }) }).safeParse(body);
  return answer.status === 401 && refusal.success ? { answer: "invalid", code: "401 UNAUTHENTICATED" } : undefined;
}

function call(context: DriverContext, token: Secret, method: string, path: string, body?: object, safe = false): Promise<HttpAnswer> {
  const headers = { ...bearer(token), "x-pinecone-api-version": version };
  return send(context, { method, path, headers, ...(body === undefined ? {} : { body }), safe });
}

function recordOf({ id, name, project_id, roles }: z.output<typeof Key>): KeyRecord {
  return { id, ...(name ? { name } : {}), state: "active", principal: project_id, attributes: attributesOf({ project_id, roles }) };
}
