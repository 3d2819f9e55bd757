import { z } from "zod";
import type { Driver, DriverContext, KeyRecord, ProbeResult } from "../driver.ts";
import { accept, type HttpAnswer, json, shaped } from "../http.ts";
import type { Secret } from "../secret.ts";
import { probeAnswer } from "./answer.ts";
import { allPages, attributesOf, manifest, matchByHint, segment, send } from "./vendor.ts";

const tells = { organization_id: "header:anthropic-organization-id" };

/**
 * Anthropic API keys by an admin key (https://platform.claude.com/docs/en/api/admin/api_keys): list, and set a key inactive, active or
 * archived. Keys are made in the console only; workloads that can prove who they are need none (workload identity federation).
 */
export const anthropic: Driver = {
  manifest: manifest({
    type: "anthropic/api-key",
    name: "Anthropic API key",
    detectors: ["anthropic-api-key"],
    class: "kill-only",
    verbs: ["list", "disable", "enable", "revoke", "probe"],
    // Undocumented (November 2026): a margin over the caches in front of the API.
    propagation: { create: 5_000, revoke: 30_000 },
    probeCall: "GET /v1/models",
    tells: Object.keys(tells),
    hosts: ["api.anthropic.com"],
    proof: "both", // an inactive key gets the same 401 as an archived one, so the list must say archived too
    invalidMeansDead: false,
    pages: { revoke: "https://console.anthropic.com/settings/keys", issue: "https://console.anthropic.com/settings/keys" },
    rights: {
      list: ["an admin key of the organization (console.anthropic.com/settings/admin-keys)"],
      disable: ["an admin key of the organization"],
      revoke: ["an admin key of the organization"],
    },
    advice:
      "replace the key by workload identity federation, where no long-lived key exists: https://platform.claude.com/docs/en/api/workload-identity-federation",
  }),

  async match(context, { secret }) {
    if (secret === undefined) return { records: [], grade: "weak" };
    return matchByHint(await listed(context), secret, "sk-ant-api03-", {
      alive: async () => (await probe(context, secret)).answer === "alive",
    });
  },

  list: (context) => listed(context),
  disable: (context, record) => setStatus(context, record, "inactive", "disabling an Anthropic key"),
  enable: (context, record) => setStatus(context, record, "active", "enabling an Anthropic key"),
  revoke: (context, record) => setStatus(context, record, "archived", "archiving an Anthropic key"),
  probe: (context, { secret }) => probe(context, secret),
};

const Key = z.object({
  id: z.string(),
  name: z.string().nullish(),
  status: z.string(),
  partial_key_hint: z.string().nullish(),
  created_at: z.string().nullish(),
  workspace_id: z.string().nullish(),
  created_by: z.object({ id: z.string() }).nullish(),
  expires_at: z.string().nullish(),
});
const Page = z.object({ data: z.array(Key), has_more: z.boolean(), last_id: z.string().nullish() });

function listed(context: DriverContext): Promise<KeyRecord[]> {
  const what = "listing Anthropic keys";
  const first = "/v1/organizations/api_keys?limit=100";
  return allPages(first, what, async (path) => {
    const { data, has_more, last_id } = shaped(Page, accept(await call(context, context.credential, "GET", path), [200], what, true), what);
    return { items: data.map(recordOf), next: has_more ? `${first}&after_id=${encodeURIComponent(last_id ?? "")}` : undefined };
  });
}

async function setStatus(context: DriverContext, { id }: KeyRecord, status: string, what: string): Promise<void> {
  const path = `/v1/organizations/api_keys/${segment(id, "the id of an Anthropic key")}`;
  accept(await call(context, context.credential, "POST", path, { status }), [200], what, true);
}

function probe(context: DriverContext, secret: Secret): Promise<ProbeResult> {
  return probeAnswer(() => call(context, secret, "GET", "/v1/models?limit=1"), judge, { secret, paths: tells });
}

function judge(answer: HttpAnswer): ProbeResult | undefined {
  const body = json(answer);
  if (answer.status === 200 && z.object({ data: z.array(z.unknown()) }).safeParse(body).success) return { answer: "alive", code: "200" };
  const refusal = z.object({ error: z.object({ type: z.literal("authentication_error") }) }).safeParse(body);
  return answer.status === 401 && refusal.success ? { answer: "invalid", code: "401 authentication_error" } : undefined;
}

/** Every call reads, or sets a state: sent twice it has the same result. */
function call(context: DriverContext, key: Secret | undefined, method: string, path: string, body?: object): Promise<HttpAnswer> {
  return send(context, {
    method,
    path,
    headers: { "anthropic-version": "2023-06-01", ...(key === undefined ? {} : { "x-api-key": key.reveal() }) },
    ...(body === undefined ? {} : { body }),
    safe: true,
  });
}

function recordOf({
  id,
  name,
  status,
  partial_key_hint,
  created_at,
  workspace_id,
  created_by,
  expires_at,
}: z.output<typeof Key>): KeyRecord {
  return {
    id,
    ...(name ? { name } : {}),
    state: status === "active" ? "active" : status === "archived" ? "gone" : "disabled",
    ...(partial_key_hint ? { hint: partial_key_hint } : {}),
    ...(created_at ? { createdAt: created_at } : {}),
    ...(created_by ? { principal: created_by.id } : {}),
    attributes: attributesOf({ workspace_id, expires_at }),
  };
}
