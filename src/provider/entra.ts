import { z } from "zod";
import { entraClientOf, entraLogIn, entraToken } from "../connection/entra.ts";
import type { Driver, DriverContext, KeyRecord, ProbeResult } from "../driver.ts";
import { HoldError, RetryError, UnknownOutcomeError } from "../errors.ts";
import { accept, type HttpAnswer, json, shaped } from "../http.ts";
import { Secret } from "../secret.ts";
import { ownName, probeAnswer } from "./answer.ts";
import { allPages, attributesOf, bearer, discardNamed, hintedCharacters, manifest, segment, send } from "./vendor.ts";

/**
 * Client secrets of Entra applications, by Microsoft Graph (https://learn.microsoft.com/graph/api/application-addpassword). An application
 * has as many as it likes, each with a name and a hint of three characters. A value says neither its tenant nor its application: it is tried
 * on those of this tenant that have a secret with its hint, and only at Entra's own log-in.
 */
export const entra: Driver = {
  manifest: manifest({
    type: "entra/client-secret",
    name: "Entra application secret",
    detectors: ["azure-entra-client-secret"],
    class: "m-delete",
    verbs: ["list", "issue", "revoke", "probe"],
    // Directory changes take up to two minutes to arrive everywhere (no bound is documented, November 2026).
    propagation: { create: 120_000, revoke: 120_000 },
    probeCall: "POST /TENANT/oauth2/v2.0/token of login.microsoftonline.com",
    tells: [],
    hosts: [],
    // 7000215 is said of every secret that is not this application's
    proof: "both",
    invalidMeansDead: false,
    pages: { revoke: "https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationsListBlade" },
    advice: "Workload identity federation instead of secrets: https://learn.microsoft.com/entra/workload-id/workload-identity-federation",
    rights: {
      list: ["Application.Read.All"],
      issue: ["Application.ReadWrite.OwnedBy, as an owner of the applications"],
      revoke: ["Application.ReadWrite.OwnedBy, as an owner of the applications"],
    },
  }),

  async match(context, { attributes, secret }) {
    if (secret === undefined) return { records: [], grade: "weak" };
    const fitting = (await listed(context, attributes["principal"])).filter(({ hint }) => hintedCharacters(`${hint}…`, secret) === 3);
    const records: KeyRecord[] = [];
    for (const principal of new Set(fitting.map((record) => record.principal ?? ""))) {
      const { answer, code } = await asked(context, principal, secret);
      if (answer === "unknown") throw new RetryError(`Entra gave no clear answer (${code})`);
      if (answer === "alive") records.push(...fitting.filter((record) => record.principal === principal));
    }
    // Entra accepted the value for this application; which of its secrets it is says the hint alone
    return { records, grade: records.length > 0 ? "strong" : "weak" };
  },

  list: (context, { attributes }) => listed(context, attributes["principal"]),

  async issue(context, { name, like }) {
    const { application, ends } = like.attributes;
    const path = `/v1.0/applications/${segment(application, "an Entra application")}/addPassword`;
    const until = ends !== undefined && Date.parse(ends) > Date.now() ? { endDateTime: ends } : {};
    const body = { passwordCredential: { displayName: ownName(name), ...until } };
    const answer = await graph(context, "POST", path, body);
    const made = Password.extend({ secretText: z.string().min(1) }).safeParse(
      accept(answer, [200], "adding a secret to an Entra application"),
    );
    if (!made.success) throw new UnknownOutcomeError("Entra made a secret, but its answer has none in it; discard it by its name");
    const record = recordOf({ id: application ?? "", appId: like.principal ?? "" }, made.data);
    return { record: { ...record, name }, secret: Secret.from(made.data.secretText), companions: {} };
  },

  discard: async (context, { name, like }) =>
    discardNamed(await listed(context, like.principal), name, (record) => remove(context, record)),

  async revoke(context, record) {
    const own = entraClientOf(context.credential);
    if (record.principal === own.client && record.hint !== undefined && own.secret.startsWith(record.hint))
      throw new HoldError("own-credential", "this is the secret that Rekey itself works with; give this connection another one first");
    await remove(context, record);
  },

  async probe(context, { attributes, secret }) {
    const { principal } = attributes;
    if (principal === undefined || context.credential === undefined) return { answer: "unknown", code: "application-unknown" };
    return asked(context, principal, secret);
  },
};

const Password = z.object({
  keyId: z.string().min(1),
  displayName: z.string().nullish(),
  hint: z.string().nullish(),
  startDateTime: z.string().nullish(),
  endDateTime: z.string().nullish(),
});
const Application = z.object({ id: z.string().min(1), appId: z.string().min(1), passwordCredentials: z.array(Password) });
const Page = z.object({ value: z.array(Application), "@odata.nextLink": z.string().nullish() });

/** The secrets of one application, or of all. */
function listed(context: DriverContext, client: string | undefined): Promise<KeyRecord[]> {
  const what = "listing Entra applications";
  const only = client === undefined ? "" : `&$filter=appId%20eq%20'${segment(client, "the client id of an Entra application")}'`;
  const first = `/v1.0/applications?$select=id,appId,passwordCredentials&$top=100${only}`;
  return allPages(first, what, async (path) => {
    const page = shaped(Page, accept(await graph(context, "GET", path), [200], what, true), what);
    const next = page["@odata.nextLink"];
    const { pathname, search } = new URL(next ?? context.host); // a link names a host; only its path is followed, at our own
    return {
      items: page.value.flatMap((application) => application.passwordCredentials.map((password) => recordOf(application, password))),
      next: next ? `${pathname}${search}` : undefined,
    };
  });
}

function recordOf({ id, appId }: { id: string; appId: string }, password: z.output<typeof Password>): KeyRecord {
  const { keyId, displayName, hint, startDateTime, endDateTime } = password;
  const ended = endDateTime ? Date.parse(endDateTime) <= Date.now() : false;
  return {
    id: `${id}_${keyId}`,
    ...(displayName ? { name: displayName } : {}),
    ...(hint ? { hint } : {}),
    ...(startDateTime ? { createdAt: startDateTime } : {}),
    state: ended ? "gone" : "active",
    principal: appId,
    attributes: attributesOf({ application: id, key: keyId, principal: appId, ends: endDateTime }),
  };
}

/** Gone already is success: Graph answers 400 for a key that is not there, so it is looked for first. */
async function remove(context: DriverContext, record: KeyRecord): Promise<void> {
  const { application, key } = partsOf(record);
  const there = await graph(context, "GET", `/v1.0/applications/${application}?$select=id,appId,passwordCredentials`);
  const what = "removing a secret of an Entra application";
  if (there.status === 404) return;
  const { passwordCredentials } = shaped(Application, accept(there, [200], what, true), what);
  if (!passwordCredentials.some(({ keyId }) => keyId === key)) return;
  accept(await graph(context, "POST", `/v1.0/applications/${application}/removePassword`, { keyId: key }, true), [204], what, true);
}

function partsOf({ id }: KeyRecord): { application: string; key: string } {
  const [, application, key] = /^([\w-]{1,60})_([\w-]{1,60})$/.exec(id) ?? [];
  if (application !== undefined && key !== undefined) return { application, key };
  throw new HoldError("bad-key-id", "this is no secret of an Entra application; match the credential first");
}

function asked(context: DriverContext, client: string, secret: Secret): Promise<ProbeResult> {
  const { tenant } = entraClientOf(context.credential);
  const login = { tenant, client, secret: secret.reveal() };
  return probeAnswer(() => entraLogIn(context, login, "https://graph.microsoft.com/.default"), judge);
}

/** https://learn.microsoft.com/entra/identity-platform/reference-error-codes: a wrong secret, and one that has expired. */
function judge(answer: HttpAnswer): ProbeResult | undefined {
  if (answer.status === 200 && z.object({ access_token: z.string().min(1) }).safeParse(json(answer)).success)
    return { answer: "alive", code: "200" };
  const refusal = z.object({ error: z.literal("invalid_client"), error_codes: z.array(z.number()) }).safeParse(json(answer));
  const code = refusal.data?.error_codes.find((number) => number === 7000215 || number === 7000222);
  return answer.status === 401 && code !== undefined ? { answer: "invalid", code: `401 AADSTS${code}` } : undefined;
}

async function graph(context: DriverContext, method: string, path: string, body?: object, safe = false): Promise<HttpAnswer> {
  const token = await entraToken(context, "https://graph.microsoft.com/.default");
  return send(context, { method, path, headers: bearer(token), ...(body === undefined ? {} : { body }), safe });
}
