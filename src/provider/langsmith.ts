import { z } from "zod";
import type { Driver, DriverContext, KeyRecord, ProbeResult } from "../driver.ts";
import { UnknownOutcomeError } from "../errors.ts";
import { accept, type HttpAnswer, json, shaped } from "../http.ts";
import { Secret } from "../secret.ts";
import { ownName, probeAnswer } from "./answer.ts";
import { attributesOf, discardNamed, gone, manifest, matchByHint, parsed, segment, send } from "./vendor.ts";

const tells = { organization: "display_name", organization_id: "id" };

/**
 * Service keys of a LangSmith organization by a key of an organization admin
 * (https://docs.langchain.com/langsmith/smith-api/orgs/list-org-service-keys): list, create, delete.
 */
export const langsmith: Driver = {
  manifest: manifest({
    type: "langsmith/service-key",
    name: "LangSmith service key",
    detectors: ["langsmith-service-key"],
    class: "m-delete",
    verbs: ["list", "issue", "revoke", "probe"],
    // Undocumented (November 2026): a margin over caches of a minute.
    propagation: { create: 5_000, revoke: 60_000 },
    probeCall: "GET /api/v1/orgs/current",
    tells: Object.keys(tells),
    hosts: ["api.smith.langchain.com", "eu.api.smith.langchain.com"],
    proof: "both", // a 401 also answers a key of a suspended organization
    invalidMeansDead: false,
    pages: { revoke: "https://smith.langchain.com/settings/apikeys", issue: "https://smith.langchain.com/settings/apikeys" },
    rights: { list: ["organization:manage"], issue: ["organization:manage"], revoke: ["organization:manage"] },
  }),

  async match(context, { secret }) {
    if (secret === undefined) return { records: [], grade: "weak" };
    const [own, theirs] = [await organizationOf(context, context.credential), await organizationOf(context, secret)];
    return matchByHint(await listed(context), secret, "lsv2_sk_", {
      alive: async () => (await probe(context, secret)).answer === "alive",
      sameScope: own !== undefined && own === theirs,
    });
  },

  list: (context) => listed(context),

  async issue(context, { name, like }) {
    const { read_only, expires_at, role_id, org_role_id, default_workspace_id, workspaces } = like.attributes;
    const answer = await send(context, {
      method: "POST",
      path: keys,
      headers: auth(context.credential),
      body: {
        description: ownName(name),
        ...attributesOf({ expires_at, role_id, org_role_id, default_workspace_id }),
        ...(read_only === undefined ? {} : { read_only: read_only === "true" }),
        ...(workspaces === undefined ? {} : { workspaces: parsed(workspaces) }),
      },
    });
    const created = Key.extend({ key: z.string().min(1) }).safeParse(accept(answer, [200, 201], "creating a LangSmith key"));
    if (!created.success) throw new UnknownOutcomeError("LangSmith made a key, but its answer has none in it; discard it by its name");
    return { record: recordOf(created.data), secret: Secret.from(created.data.key), companions: {} };
  },

  discard: async (context, { name }) => discardNamed(await listed(context), name, (record) => remove(context, record)),
  revoke: (context, record) => remove(context, record),
  probe: (context, { secret }) => probe(context, secret),
};

const keys = "/api/v1/orgs/current/service-keys";

const Key = z.object({
  id: z.string(),
  description: z.string().nullish(),
  short_key: z.string().nullish(),
  created_at: z.string().nullish(),
  last_used_at: z.string().nullish(),
  read_only: z.boolean().nullish(),
  expires_at: z.string().nullish(),
  role_id: z.string().nullish(),
  org_role_id: z.string().nullish(),
  default_workspace_id: z.string().nullish(),
  workspaces: z.array(z.unknown()).nullish(),
});

/** The vendor's list has no pages. */
async function listed(context: DriverContext): Promise<KeyRecord[]> {
  const what = "listing LangSmith keys";
  const answer = await send(context, { method: "GET", path: keys, headers: auth(context.credential) });
  return shaped(z.array(Key), accept(answer, [200], what, true), what).map(recordOf);
}

async function remove(context: DriverContext, { id }: KeyRecord): Promise<void> {
  const path = `${keys}/${segment(id, "the id of a LangSmith key")}`;
  gone(
    await send(context, { method: "DELETE", path, headers: auth(context.credential), safe: true }),
    [200, 204],
    "deleting a LangSmith key",
  );
}

/** `undefined` where the vendor does not say. */
async function organizationOf(context: DriverContext, key: Secret | undefined): Promise<string | undefined> {
  const answer = await ownOrganization(context, key);
  return z.object({ id: z.string() }).safeParse(answer.status === 200 ? json(answer) : undefined).data?.id;
}

function ownOrganization(context: DriverContext, key: Secret | undefined): Promise<HttpAnswer> {
  return send(context, { method: "GET", path: "/api/v1/orgs/current", headers: auth(key) });
}

function probe(context: DriverContext, secret: Secret): Promise<ProbeResult> {
  return probeAnswer(() => ownOrganization(context, secret), judge, { secret, paths: tells });
}

function judge(answer: HttpAnswer): ProbeResult | undefined {
  const body = json(answer);
  if (answer.status === 200 && z.object({ id: z.string() }).safeParse(body).success) return { answer: "alive", code: "200" };
  const refusal = z.object({ detail: z.string() }).safeParse(body);
  return answer.status === 401 && refusal.success ? { answer: "invalid", code: "401" } : undefined;
}

function auth(key: Secret | undefined): Record<string, string> {
  return key === undefined ? {} : { "x-api-key": key.reveal() };
}

function recordOf({ id, description, short_key, created_at, last_used_at, ...power }: z.output<typeof Key>): KeyRecord {
  return {
    id,
    ...(description ? { name: description } : {}),
    state: "active",
    ...(short_key ? { hint: short_key } : {}),
    ...(created_at ? { createdAt: created_at } : {}),
    ...(last_used_at ? { lastUsedAt: last_used_at } : {}),
    attributes: attributesOf(power),
  };
}
