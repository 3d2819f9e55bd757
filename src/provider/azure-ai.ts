import { z } from "zod";
import { entraToken } from "../connection/entra.ts";
import type { Driver, DriverContext, KeyRecord, Manifest, ProbeResult } from "../driver.ts";
import { HoldError, UnknownOutcomeError } from "../errors.ts";
import { accept, type HttpAnswer, json, shaped } from "../http.ts";
import { Secret } from "../secret.ts";
import { ownName, probeAnswer } from "./answer.ts";
import { allPages, bearer, manifest, pathOf, send } from "./vendor.ts";

/**
 * The two keys of an Azure OpenAI or AI Services account, by Azure Resource Manager
 * (https://learn.microsoft.com/rest/api/aiservices/accountmanagement/accounts/regenerate-key). A regenerated key dies at once, so the slot
 * that nobody uses is regenerated first. The list of an account's keys holds their values: a leaked one names its own slot.
 */
export const azureAi: Driver = {
  manifest: regenerating(
    manifest({
      type: "azure-ai/account-key",
      name: "Azure OpenAI or AI Services key",
      connection: "azure",
      detectors: ["azure-ai-services-key", "azure-openai-key-legacy", "azure-cognitive-key-legacy"],
      class: "two-slot",
      verbs: ["list", "issue", "revoke", "probe"],
      overlap: 2,
      // Undocumented (November 2026) beyond "immediately": a margin over the gateways in front of an account.
      propagation: { create: 10_000, revoke: 60_000 },
      probeCall: "GET /openai/models of the account's own endpoint",
      tells: [],
      hosts: [], // an account has a host of its own, which only Azure Resource Manager may name
      invalidMeansDead: false, // the same answer is given for a key of another account
      pages: { revoke: "https://portal.azure.com/#browse/Microsoft.CognitiveServices%2Faccounts" },
      advice: "Entra ID instead of keys (disableLocalAuth): https://learn.microsoft.com/azure/ai-services/disable-local-auth",
      rights: {
        list: ["Microsoft.CognitiveServices/accounts/read", "Microsoft.CognitiveServices/accounts/listKeys/action"],
        issue: ["Microsoft.CognitiveServices/accounts/regenerateKey/action"],
        revoke: ["Microsoft.CognitiveServices/accounts/regenerateKey/action"],
      },
    }),
  ),

  async match(context, { secret }) {
    if (secret === undefined) return { records: [], grade: "weak" };
    const token = await tokenOf(context);
    const value = secret.reveal();
    const records: KeyRecord[] = [];
    for (const account of await accountsOf(context, token)) {
      const keys = await keysOf(context, token, account);
      records.push(...slots.filter((slot) => keys[slot] === value).map((slot) => recordOf(account, slot)));
    }
    return { records, grade: "confirmed" };
  },

  async list(context) {
    return (await accountsOf(context, await tokenOf(context))).flatMap((account) => slots.map((slot) => recordOf(account, slot)));
  },

  async issue(context, { name, like }) {
    ownName(name); // a slot carries no name; only a run may ask for this
    const { account, slot } = partsOf(like);
    const other = slot === "key1" ? "key2" : "key1";
    const keys = await regenerate(context, account, other);
    return { record: recordOf(account, other), secret: Secret.from(keys[other]), companions: {} };
  },

  /** Only while the leaked value stands in the slot: what somebody regenerated since is theirs. */
  async revoke(context, record, { secret }) {
    if (secret === undefined)
      throw new HoldError("value-needed", "regenerating this slot needs the leaked value, to see that the slot still holds it");
    const { account, slot } = partsOf(record);
    const keys = await keysOf(context, await tokenOf(context), account);
    if (keys[slot] !== secret.reveal()) return;
    await regenerate(context, account, slot);
  },

  async probe(context, { attributes, secret }) {
    const account = attributes["principal"];
    if (account === undefined) return { answer: "unknown", code: "account-unknown" };
    return probeAnswer(async () => {
      const endpoint = await endpointOf(context, account);
      const headers = { "api-key": secret.reveal() };
      return send({ ...context, host: endpoint }, { method: "GET", path: "/openai/models?api-version=2024-10-21", headers });
    }, judge);
  },
};

/** Making a new value ends the one that stood in the slot. */
function regenerating(own: Manifest): Manifest {
  return { ...own, verbs: { ...own.verbs, issue: { effect: "destroy", retry: "verify-first" } } };
}

const slots = ["key1", "key2"] as const;
type Slot = (typeof slots)[number];

const version = "api-version=2024-10-01";
const Page = z.object({ value: z.array(z.object({ id: z.string() })), nextLink: z.string().nullish() });
const Subscriptions = z.object({ value: z.array(z.object({ subscriptionId: z.string() })), nextLink: z.string().nullish() });
const Keys = z.object({ key1: z.string().min(1), key2: z.string().min(1) });
const Account = z.object({ properties: z.object({ endpoint: z.string() }) });

function tokenOf(context: DriverContext): Promise<Secret> {
  return entraToken(context, "https://management.azure.com/.default");
}

async function accountsOf(context: DriverContext, token: Secret): Promise<string[]> {
  const what = "listing Azure AI accounts";
  const page = async (path: string) => accept(await arm(context, token, "GET", path), [200], what, true);
  const subscriptions = await allPages("/subscriptions?api-version=2022-12-01", what, async (path) => {
    const { value, nextLink } = shaped(Subscriptions, await page(path), what);
    return { items: value.map(({ subscriptionId }) => subscriptionId), next: pathOf(nextLink) };
  });
  const accounts: string[] = [];
  for (const subscription of subscriptions) {
    const first = `/subscriptions/${encodeURIComponent(subscription)}/providers/Microsoft.CognitiveServices/accounts?${version}`;
    accounts.push(
      ...(await allPages(first, what, async (path) => {
        const { value, nextLink } = shaped(Page, await page(path), what);
        return { items: value.map(({ id }) => id), next: pathOf(nextLink) };
      })),
    );
  }
  return accounts;
}

async function keysOf(context: DriverContext, token: Secret, account: string): Promise<z.output<typeof Keys>> {
  const what = "reading the keys of an Azure AI account";
  const answer = await arm(context, token, "POST", `${checked(account)}/listKeys?${version}`, undefined, true);
  return shaped(Keys, accept(answer, [200], what, true), what);
}

async function regenerate(context: DriverContext, account: string, slot: Slot): Promise<z.output<typeof Keys>> {
  const body = { keyName: slot === "key1" ? "Key1" : "Key2" };
  const answer = await arm(context, await tokenOf(context), "POST", `${checked(account)}/regenerateKey?${version}`, body);
  const keys = Keys.safeParse(accept(answer, [200], "regenerating an Azure AI key"));
  if (keys.success) return keys.data;
  throw new UnknownOutcomeError("Azure regenerated a key, but its answer has none in it; read the keys of the account");
}

/** From Azure Resource Manager, and only a host of Azure's own: the value goes nowhere else. */
async function endpointOf(context: DriverContext, account: string): Promise<string> {
  const what = "reading the endpoint of an Azure AI account";
  const answer = await arm(context, await tokenOf(context), "GET", `${checked(account)}?${version}`);
  const url = new URL(shaped(Account, accept(answer, [200], what, true), what).properties.endpoint);
  const azures = /\.(openai\.azure\.com|cognitiveservices\.azure\.com|services\.ai\.azure\.com|api\.cognitive\.microsoft\.com)$/.test(
    url.hostname,
  );
  if (azures || url.host === new URL(context.host).host) return url.origin;
  throw new HoldError("endpoint-unknown", "the endpoint of this Azure AI account is no host of Azure, so no key is sent there");
}

function judge(answer: HttpAnswer): ProbeResult | undefined {
  if (answer.status === 200 && z.object({ data: z.array(z.unknown()) }).safeParse(json(answer)).success)
    return { answer: "alive", code: "200" };
  const refused = z.object({ error: z.object({ code: z.literal("401") }) }).safeParse(json(answer)).success;
  return answer.status === 401 && refused ? { answer: "invalid", code: "401 access denied" } : undefined;
}

function arm(context: DriverContext, token: Secret, method: string, path: string, body?: object, safe = false): Promise<HttpAnswer> {
  return send(context, { method, path, headers: bearer(token), ...(body === undefined ? {} : { body }), safe });
}

function recordOf(account: string, slot: Slot): KeyRecord {
  return { id: `${account}#${slot}`, state: "active", principal: account, attributes: { principal: account, slot } };
}

function partsOf({ id }: KeyRecord): { account: string; slot: Slot } {
  const [account = "", slot] = id.split("#");
  if (slot === "key1" || slot === "key2") return { account: checked(account), slot };
  throw new HoldError("bad-key-id", "this is no slot of an Azure AI account; match the credential first");
}

function checked(account: string): string {
  if (/^\/subscriptions\/[\w-]+\/resourceGroups\/[\w.()-]+\/providers\/Microsoft\.CognitiveServices\/accounts\/[\w.-]+$/i.test(account))
    return account;
  throw new HoldError("bad-key-id", "this is no Azure AI account; match the credential first");
}
