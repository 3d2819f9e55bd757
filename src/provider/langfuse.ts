import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Driver, DriverContext, KeyRecord, ProbeResult } from "../driver.ts";
import { HoldError } from "../errors.ts";
import { accept, type HttpAnswer, json, shaped } from "../http.ts";
import { Secret } from "../secret.ts";
import { ownName, probeAnswer } from "./answer.ts";
import { attributesOf, discardNamed, gone, hintedCharacters, manifest, segment, send } from "./vendor.ts";

/**
 * Project key pairs of Langfuse by an organization key `pk-lf-…:sk-lf-…` (https://langfuse.com/docs/api-and-data-platform/features/public-api):
 * list, create with a pair of our own, delete. A secret key says nothing without its public key.
 */
export const langfuse: Driver = {
  manifest: manifest({
    type: "langfuse/project-key",
    name: "Langfuse secret key",
    detectors: ["langfuse-secret-key"],
    class: "set-value",
    verbs: ["list", "issue", "revoke", "probe", "whoami"],
    // "Deleting a key invalidates it immediately" (langfuse.com/faq/all/lost-secret-key); servers cache keys, so a margin.
    propagation: { create: 1_000, revoke: 30_000 },
    valueChosenByUs: true,
    companions: ["public_key"],
    probeCall: "GET /api/public/projects",
    tells: ["project", "project_id"],
    hosts: ["cloud.langfuse.com", "us.cloud.langfuse.com"],
    proof: "control-plane", // the public key need not stand beside the secret, and without it no call can be made
    invalidMeansDead: true,
    pages: { revoke: "https://cloud.langfuse.com/" },
    rights: {
      list: ["an organization key pair, as public:secret"],
      issue: ["an organization key pair"],
      revoke: ["an organization key pair"],
    },
  }),

  async match(context, { secret }) {
    if (secret === undefined) return { records: [], grade: "weak" };
    const fitting = (await listed(context)).filter(({ hint }) => hintedCharacters(hint, secret) > "sk-lf-".length);
    if (fitting.length > 20) return { records: fitting, grade: "weak" };
    const accepted: KeyRecord[] = [];
    for (const record of fitting) {
      const { answer } = await probe(context, record.attributes["public_key"], secret);
      if (answer === "alive") accepted.push(record); // the vendor accepted this pair: that names it
    }
    return { records: accepted, grade: "confirmed" };
  },

  list: (context) => listed(context),

  async prepare(_context, { name }) {
    ownName(name);
    return { secret: Secret.from(`sk-lf-${randomUUID()}`), companions: { public_key: `pk-lf-${randomUUID()}` } };
  },

  async issue(context, { name, like, prepared }) {
    const publicKey = prepared?.companions["public_key"];
    if (prepared === undefined || publicKey === undefined)
      throw new HoldError("value-needed", "a new Langfuse pair is chosen before it is set; prepare it first");
    const { project, expires_at } = like.attributes;
    if (expires_at !== undefined) throw new HoldError("not-equal-in-power", "the leaked Langfuse key expires; make its successor by hand");
    const there = (await listed(context)).find((record) => record.attributes["public_key"] === publicKey);
    if (there !== undefined) return { record: there, ...prepared };
    const what = "creating a Langfuse key pair";
    const body = { note: ownName(name), publicKey, secretKey: prepared.secret.reveal() };
    const answer = await send(context, { method: "POST", path: keysOf(project), headers: basic(context.credential?.reveal()), body });
    const { id } = shaped(z.object({ id: z.string() }), accept(answer, [200, 201], what), what);
    return { record: { id, name, state: "active", attributes: attributesOf({ project, public_key: publicKey }) }, ...prepared };
  },

  discard: async (context, { name }) => discardNamed(await listed(context), name, (record) => remove(context, record)),
  revoke: (context, record) => remove(context, record),
  probe: (context, { secret, attributes }) => probe(context, attributes["public_key"], secret),

  async whoami(context, { secret, attributes }) {
    const what = "asking Langfuse whose key this is";
    const body = accept(await ownProject(context, attributes["public_key"] ?? "", secret), [200], what, true);
    const [project] = shaped(Projects, body, what).data;
    return attributesOf({ project: project?.id, project_name: project?.name });
  },
};

const Projects = z.object({ data: z.array(z.object({ id: z.string(), name: z.string().nullish() })) });
const Key = z.object({
  id: z.string(),
  note: z.string().nullish(),
  publicKey: z.string(),
  displaySecretKey: z.string().nullish(),
  createdAt: z.string().nullish(),
  lastUsedAt: z.string().nullish(),
  expiresAt: z.string().nullish(),
});

/** The keys of every project of the organization. Neither list has pages. */
async function listed(context: DriverContext): Promise<KeyRecord[]> {
  const headers = basic(context.credential?.reveal());
  const projectsPath = "/api/public/organizations/projects";
  const Named = z.object({ projects: z.array(z.object({ id: z.string() })) });
  const projects = accept(await send(context, { method: "GET", path: projectsPath, headers }), [200], "listing Langfuse projects", true);
  const records: KeyRecord[] = [];
  for (const { id: project } of shaped(Named, projects, "listing Langfuse projects").projects) {
    const what = "listing Langfuse keys";
    const body = accept(await send(context, { method: "GET", path: keysOf(project), headers }), [200], what, true);
    records.push(...shaped(z.object({ apiKeys: z.array(Key) }), body, what).apiKeys.map((key) => recordOf(project, key)));
  }
  return records;
}

async function remove(context: DriverContext, { id, attributes }: KeyRecord): Promise<void> {
  const path = `${keysOf(attributes["project"])}/${segment(id, "the id of a Langfuse key")}`;
  gone(
    await send(context, { method: "DELETE", path, headers: basic(context.credential?.reveal()), safe: true }),
    [200, 204],
    "deleting a Langfuse key",
  );
}

async function probe(context: DriverContext, publicKey: string | undefined, secret: Secret): Promise<ProbeResult> {
  if (publicKey === undefined) return { answer: "unknown", code: "the public key is not known" };
  return probeAnswer(() => ownProject(context, publicKey, secret), judge, {
    secret,
    paths: { project: "data.*.name", project_id: "data.*.id" },
  });
}

function ownProject(context: DriverContext, publicKey: string, secret: Secret): Promise<HttpAnswer> {
  return send(context, { method: "GET", path: "/api/public/projects", headers: basic(`${publicKey}:${secret.reveal()}`) });
}

/** Langfuse answers 401 with a message that begins alike for a wrong secret and an unknown public key. */
function judge(answer: HttpAnswer): ProbeResult | undefined {
  const body = json(answer);
  if (answer.status === 200 && Projects.safeParse(body).success) return { answer: "alive", code: "200" };
  const { data } = z.object({ message: z.string() }).safeParse(body);
  return answer.status === 401 && data?.message.startsWith("Invalid credentials") === true
    ? { answer: "invalid", code: "401 Invalid credentials" }
    : undefined;
}

function basic(pair: string | undefined): Record<string, string> {
  return pair === undefined ? {} : { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}

function keysOf(project: string | undefined): string {
  return `/api/public/projects/${segment(project, "the id of a Langfuse project")}/apiKeys`;
}

function recordOf(
  project: string,
  { id, note, publicKey, displaySecretKey, createdAt, lastUsedAt, expiresAt }: z.output<typeof Key>,
): KeyRecord {
  return {
    id,
    ...(note ? { name: note } : {}),
    state: "active",
    ...(displaySecretKey ? { hint: displaySecretKey } : {}),
    ...(createdAt ? { createdAt } : {}),
    ...(lastUsedAt ? { lastUsedAt } : {}),
    attributes: attributesOf({ project, public_key: publicKey, expires_at: expiresAt }),
  };
}
