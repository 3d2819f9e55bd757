import sodium from "libsodium-wrappers";
import { z } from "zod";
import { appPermissions, callGitHub, type GitHubScope, tokenFor } from "../connection/github-app.ts";
import type { DriverContext, Sink, SinkPlace } from "../driver.ts";
import { HoldError } from "../errors.ts";
import { accept, type HttpAnswer, shaped } from "../http.ts";
import type { Secret } from "../secret.ts";

/**
 * Secrets of GitHub Actions, Dependabot, Codespaces, environments and organisations (https://docs.github.com/rest/actions/secrets). The
 * connection is an App of its own, so that the App that scans never holds `secrets: write`. A place is
 * `actions/OWNER/REPO`, `dependabot/OWNER/REPO`, `codespaces/OWNER/REPO`, `environment/OWNER/REPO/ENVIRONMENT`, `organization/ORG` or
 * `dependabot-organization/ORG`, and its field the secret's name. GitHub never gives a value back: a version is the second in which
 * the secret was last written.
 */
export const githubSecrets: Sink = {
  manifest: {
    name: "github-secrets",
    pending: false,
    cas: false,
    readBack: false,
    undo: false,
    rights: ["secrets: write"],
    testedAgainst: "contract stand-in",
  },

  async check(context, rights) {
    const permissions = await appPermissions(context);
    return rights.map((right) => {
      const [name = "", level] = right.split(": ");
      const state = permissions === undefined ? "unknown" : permissions[name] === level ? "allowed" : "missing";
      const broad = ["contents", "administration", "workflows"].some((other) => permissions?.[other] === "write");
      return { right, state: state === "allowed" && broad ? "broad" : state };
    });
  },

  async read(context, place) {
    const store = await open(context, place);
    const there = await store.describe(nameOf(place));
    return there === undefined ? undefined : { version: there.updated_at, fields: {} };
  },

  async pend() {
    throw noPending();
  },
  async readPending() {
    return undefined;
  },
  async drop() {},

  async promote(context, place, _run, from, fields = {}) {
    const store = await open(context, place);
    const name = nameOf(place);
    const before = await store.describe(name);
    if ((before?.updated_at ?? "0") !== from) {
      throw new HoldError(
        "sink-conflict",
        `${place.path}#${name}: it was written at ${before?.updated_at ?? "no time"}, expected ${from}: somebody else wrote it, and their value stays`,
      );
    }
    // the secret itself comes last: its time is the version that says that all are written
    const names = Object.keys(fields).sort((a, b) => Number(a === name) - Number(b === name));
    for (const one of names) {
      const value = fields[one];
      if (value !== undefined) await store.put(checkedName(one, place), value);
    }
    const after = await store.describe(name);
    if (after === undefined)
      throw new HoldError("sink-read-back", `${place.path}#${name}: GitHub took the secret and does not list it; look at it`);
    return { version: after.updated_at };
  },

  async restore(_context, place) {
    throw new HoldError("undo-by-hand", `${place.path}: GitHub does not give a secret's old value back; write the old one by hand`);
  },

  async *entries() {}, // there is nothing to read
};

interface Store {
  describe(name: string): Promise<z.output<typeof Description> | undefined>;
  put(name: string, value: Secret): Promise<void>;
}

const Description = z.object({ updated_at: z.string().min(1), visibility: z.enum(["all", "private", "selected"]).optional() });
const PublicKey = z.object({ key_id: z.string(), key: z.string() });

interface Kind {
  /** Of the App, in GitHub's words. */
  readonly permission: string;
  readonly parts: number;
  root(parts: readonly string[]): string;
}

const repositoryRoot =
  (area: string) =>
  ([owner, repo]: readonly string[]) =>
    `/repos/${owner}/${repo}/${area}/secrets`;
const kinds: Readonly<Record<string, Kind>> = {
  actions: { permission: "secrets", parts: 2, root: repositoryRoot("actions") },
  dependabot: { permission: "dependabot_secrets", parts: 2, root: repositoryRoot("dependabot") },
  codespaces: { permission: "codespaces_secrets", parts: 2, root: repositoryRoot("codespaces") },
  environment: {
    permission: "environments",
    parts: 3,
    root: ([owner, repo, environment = ""]) => `/repos/${owner}/${repo}/environments/${encodeURIComponent(environment)}/secrets`,
  },
  organization: { permission: "organization_secrets", parts: 1, root: ([org]) => `/orgs/${org}/actions/secrets` },
  "dependabot-organization": {
    permission: "organization_dependabot_secrets",
    parts: 1,
    root: ([org]) => `/orgs/${org}/dependabot/secrets`,
  },
};

async function open(context: DriverContext, place: SinkPlace): Promise<Store> {
  const { root, scope } = parsed(place);
  const token = await tokenFor(context, scope);
  const call = (method: string, path: string, body?: object, safe?: boolean) =>
    callGitHub(context, token, method, `${root}${path}`, body, safe);
  const read = (answer: HttpAnswer, what: string) => accept(answer, [200], what, true);

  return {
    async describe(name) {
      const answer = await call("GET", `/${name}`);
      if (answer.status === 404) return undefined;
      const what = "reading when a GitHub secret was written";
      return shaped(Description, read(answer, what), what);
    },

    async put(name, value) {
      const what = "reading the key that seals GitHub secrets";
      const key = shaped(PublicKey, read(await call("GET", "/public-key"), what), what);
      const visibility = scope.repository === undefined ? await keepVisibility(name) : {};
      const sealed = { encrypted_value: await seal(value, key.key), key_id: key.key_id, ...visibility };
      accept(await call("PUT", `/${name}`, sealed), [201, 204], "writing a GitHub secret");
    },
  };

  /** An organisation's secret says who may read it each time that it is written. */
  async function keepVisibility(name: string): Promise<object> {
    const answer = await call("GET", `/${name}`);
    if (answer.status === 404)
      throw new HoldError(
        "sink-absent",
        `${place.path}#${name}: there is no such secret; make it once, and say which repositories may read it`,
      );
    const what = "reading who may read a GitHub secret";
    const { visibility } = shaped(Description, read(answer, what), what);
    if (visibility !== "selected") return { visibility };
    const ids: number[] = [];
    for (let page = 1; page <= 100; page++) {
      const answer = await call("GET", `/${name}/repositories?per_page=100&page=${page}`);
      const { repositories } = shaped(Selected, read(answer, what), what);
      ids.push(...repositories.map(({ id }) => id));
      if (repositories.length < 100) return { visibility, selected_repository_ids: ids };
    }
    throw new HoldError(
      "list-incomplete",
      `${place.path}#${name}: more than 10000 repositories may read it, so their list is not complete`,
    );
  }
}

const Selected = z.object({ repositories: z.array(z.object({ id: z.number() })) });

/** libsodium's sealed box: only GitHub can open it. */
async function seal(value: Secret, publicKey: string): Promise<string> {
  await sodium.ready;
  const key = Buffer.from(publicKey, "base64");
  if (key.length !== sodium.crypto_box_PUBLICKEYBYTES)
    throw new HoldError("unexpected-answer", "GitHub's public key is not one of 32 bytes; the API may have changed");
  return Buffer.from(sodium.crypto_box_seal(value.reveal(), key)).toString("base64");
}

function parsed(place: SinkPlace): { root: string; scope: GitHubScope } {
  const [word = "", ...parts] = place.path.split("/");
  const kind = kinds[word];
  if (kind === undefined || parts.length < kind.parts || (kind.parts < 3 && parts.length > kind.parts) || parts.some((part) => part === ""))
    throw badPlace(place);
  const [owner = "", repository] = parts;
  if (![owner, repository ?? ""].every((part) => /^[\w.-]{0,100}$/.test(part) && !/^\.+$/.test(part))) throw badPlace(place);
  const scoped = kind.parts === 3 ? [owner, repository ?? "", parts.slice(2).join("/")] : parts;
  return {
    root: kind.root(scoped),
    scope: { owner, ...(repository === undefined ? {} : { repository }), permissions: { [kind.permission]: "write" } },
  };
}

function nameOf(place: SinkPlace): string {
  return checkedName(place.field ?? "", place);
}

function checkedName(name: string, place: SinkPlace): string {
  if (/^[A-Za-z_][A-Za-z0-9_]{0,254}$/.test(name) && !/^GITHUB_/i.test(name)) return name;
  throw new HoldError(
    "bad-place",
    `${place.path}: expected the secret's name as field: letters, digits and '_', not beginning with GITHUB_`,
  );
}

function badPlace({ path }: SinkPlace): HoldError {
  return new HoldError(
    "bad-place",
    `'${path}' names no GitHub secrets; expected ${Object.keys(kinds).join(" | ")}, then /OWNER/REPO or /ORG`,
  );
}

function noPending(): HoldError {
  return new HoldError("no-pending", "GitHub secrets have no place in which a value could wait");
}
