import { z } from "zod";
import { callGitHub, tokenFor } from "../connection/github-app.ts";
import { greetingOf, newSshKey, publicHalfOf, type SshAddress, sshFingerprint } from "../connection/ssh.ts";
import type { Driver, DriverContext, KeyRecord, ProbeResult } from "../driver.ts";
import { HoldError, RetryError, UnknownOutcomeError } from "../errors.ts";
import { accept, type HttpAnswer, shaped } from "../http.ts";
import { Secret } from "../secret.ts";
import { ownName } from "./answer.ts";
import { allPages, attributesOf, discardNamed, gone, manifest } from "./vendor.ts";

/**
 * Deploy keys of GitHub repositories (https://docs.github.com/rest/deploy-keys/deploy-keys). GitHub's SSH server says to a key whose it is, and
 * the repository's list which of its keys: so a leaked one is named by its public half. The pair is ours; GitHub gets the public half.
 */
export const githubDeployKey: Driver = {
  manifest: {
    ...manifest({
      type: "github-deploy-key/key",
      name: "GitHub deploy key",
      connection: "github-deploy-keys",
      detectors: ["private-key"],
      class: "m-delete",
      verbs: ["list", "revoke", "probe"],
      // Undocumented (November 2026): keys are looked up in the database, replicas may lag by seconds.
      propagation: { create: 5_000, revoke: 30_000 },
      valueChosenByUs: true,
      onlyIfNamed: true,
      probeCall: "log-in to github.com by SSH",
      tells: [],
      hosts: [],
      proof: "both",
      invalidMeansDead: false,
      pages: { revoke: "https://docs.github.com/authentication/connecting-to-github-with-ssh/managing-deploy-keys" },
      advice: "A GitHub App's tokens, which end within the hour, instead of deploy keys",
      rights: { list: ["administration: read"], issue: ["administration: write"], revoke: ["administration: write"] },
    }),
    verbs: {
      list: { effect: "read", retry: "safe" },
      issue: { effect: "create", retry: "safe" },
      revoke: { effect: "destroy", retry: "safe" },
      probe: { effect: "read", retry: "safe" },
    },
  },

  async match(context, { secret }) {
    const own = secret === undefined ? undefined : await publicHalfOf(secret.reveal());
    if (secret === undefined || own === undefined) return { records: [], grade: "weak" };
    const { answer, text } = await greetingOf({
      address: sshOf(context),
      user: "git",
      privateKey: secret.reveal(),
      timeout: context.timeout,
    });
    if (answer !== "accepted" && answer !== "denied") throw new RetryError(`GitHub's SSH server gave no clear answer (${answer})`);
    // a person's key is greeted by the person's name, which has no slash
    const repository = /^Hi ([\w.-]{1,100}\/[\w.-]{1,100})! /.exec(text ?? "")?.[1];
    if (repository === undefined) return { records: [], grade: "weak" };
    return { records: (await listed(context, repository)).filter(({ hint }) => hint === sshFingerprint(own.blob)), grade: "confirmed" };
  },

  list: (context, { attributes }) => listed(context, attributes["principal"]),

  prepare: async (_context, { name }) => ({ secret: Secret.from(await newSshKey(ownName(name))), companions: {} }),

  async issue(context, { name, like, prepared }) {
    const own = prepared === undefined ? undefined : await publicHalfOf(prepared.secret.reveal());
    if (prepared === undefined || own === undefined)
      throw new HoldError("not-prepared", "a new deploy key must be staged before it is added; this run has staged none");
    const keys = await listed(context, like.principal);
    const there = keys.find(({ hint }) => hint === sshFingerprint(own.blob));
    if (there !== undefined) return { record: there, secret: prepared.secret, companions: {} };
    if (like.attributes["read_only"] === undefined)
      throw new HoldError("scope-unknown", "whether the leaked deploy key may write is not known; match it first");
    const body = { title: ownName(name), key: `${own.type} ${own.blob}`, read_only: like.attributes["read_only"] !== "false" };
    const answer = await call(context, like.principal, "POST", "/keys", body);
    const made = Key.safeParse(accept(answer, [201], "adding a deploy key"));
    if (!made.success)
      throw new UnknownOutcomeError("GitHub added a deploy key, and its answer names none; list the keys of the repository");
    return { record: recordOf(made.data, like.principal ?? ""), secret: prepared.secret, companions: {} };
  },

  discard: async (context, { name, like }) =>
    discardNamed(await listed(context, like.principal), name, (record) => remove(context, record)),
  revoke: (context, record) => remove(context, record),

  async probe(context, { secret }): Promise<ProbeResult> {
    try {
      const login = { address: sshOf(context), user: "git", privateKey: secret.reveal(), timeout: context.timeout };
      const { answer, text = "" } = await greetingOf(login);
      if (answer === "accepted" && /^Hi \S{1,200}! You've successfully authenticated/.test(text))
        return { answer: "alive", code: "log-in accepted" };
      return answer === "denied" ? { answer: "invalid", code: "publickey denied" } : { answer: "unknown", code: answer };
    } catch (error) {
      if (error instanceof HoldError) return { answer: "unknown", code: error.code };
      throw error;
    }
  },
};

/** https://docs.github.com/authentication/keeping-your-account-and-data-secure/githubs-ssh-key-fingerprints: RSA, ECDSA, Ed25519. */
const githubHostKeys = [
  "SHA256:uNiVztksCsDhcc0u9e8BrqTq42yFAzNQBIgPKsjh1M0",
  "SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM",
  "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
];

/** GitHub's SSH server. A server of one's own says its port and host key itself: `https://HOST/api/v3?ssh=22&hostkey=SHA256:…`. */
function sshOf({ host }: DriverContext): SshAddress {
  const url = new URL(host);
  if (url.hostname === "api.github.com") return { host: "github.com", port: 22, hostKeys: githubHostKeys };
  const hostKeys = url.searchParams.getAll("hostkey").map((key) => key.replaceAll(" ", "+"));
  if (hostKeys.length > 0) return { host: url.hostname, port: Number(url.searchParams.get("ssh") ?? 22), hostKeys };
  throw new HoldError("bad-connection", "the host of this GitHub connection names no host key of its SSH server: …?hostkey=SHA256:…");
}

const Key = z.object({
  id: z.number().int(),
  key: z.string(),
  title: z.string().nullish(),
  created_at: z.string().nullish(),
  last_used: z.string().nullish(),
  read_only: z.boolean(),
});

function listed(context: DriverContext, repository: string | undefined): Promise<KeyRecord[]> {
  const what = "listing deploy keys";
  return allPages("/keys?per_page=100&page=1", what, async (path) => {
    const answer = await call(context, repository, "GET", path);
    const items = shaped(z.array(Key), accept(answer, [200], what, true), what).map((key) => recordOf(key, repository ?? ""));
    const page = Number(/[?&]page=(\d+)/.exec(path)?.[1]);
    return { items, next: items.length === 100 ? `/keys?per_page=100&page=${page + 1}` : undefined };
  });
}

function recordOf({ id, key, title, created_at, last_used, read_only }: z.output<typeof Key>, repository: string): KeyRecord {
  return {
    id: `${repository}#${id}`,
    ...(title ? { name: title } : {}),
    ...(created_at ? { createdAt: created_at } : {}),
    ...(last_used ? { lastUsedAt: last_used } : {}),
    hint: sshFingerprint(key.split(" ")[1] ?? ""),
    state: "active",
    principal: repository,
    attributes: attributesOf({ principal: repository, read_only }),
  };
}

/** Gone already is success. */
async function remove(context: DriverContext, { id }: KeyRecord): Promise<void> {
  const [, repository, key] = /^([\w.-]+\/[\w.-]+)#(\d{1,15})$/.exec(id) ?? [];
  if (repository === undefined) throw new HoldError("bad-key-id", "this is no deploy key of a repository; match the credential first");
  gone(await call(context, repository, "DELETE", `/keys/${key}`, undefined, true), [204], "removing a deploy key");
}

async function call(
  context: DriverContext,
  of: string | undefined,
  method: string,
  path: string,
  body?: object,
  safe = false,
): Promise<HttpAnswer> {
  const [, owner, repository] = /^([\w.-]{1,100})\/([\w.-]{1,100})$/.exec(of ?? "") ?? [];
  if (owner === undefined || repository === undefined || /^\.+$/.test(owner) || /^\.+$/.test(repository))
    throw new HoldError("scope-unknown", "the repository of this deploy key is not known; match the credential first");
  const connection = { ...context, host: context.host.replace(/\?.*$/, "") };
  const token = await tokenFor(connection, { owner, repository, permissions: { administration: method === "GET" ? "read" : "write" } });
  return callGitHub(connection, token, method, `/repos/${owner}/${repository}${path}`, body, safe || method === "GET");
}
