import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseServerConfig } from "../config/server.ts";
import { git } from "../git.ts";
import { pinOf, request } from "../http.ts";
import { createLog, silentLog } from "../log.ts";
import { freePort } from "../stand-in/child.ts";
import { type GitHubStandIn, startGitHub } from "../stand-in/github/server.ts";
import type { Repository, User } from "../stand-in/github/state.ts";
import { type OpenBao, startOpenBao } from "../stand-in/openbao.ts";
import { type OpenRouter, startOpenRouter } from "../stand-in/openrouter.ts";
import { type RunningServer, startServer } from "./server.ts";

/** Everything that the demo runs, on loopback. */
export interface DemoWorld {
  readonly server: RunningServer;
  readonly github: GitHubStandIn;
  readonly store: OpenBao;
  readonly provider: OpenRouter;
  readonly repository: Repository;
  readonly people: { readonly dev: User; readonly mara: User };
  readonly folder: string;
  /** The key that will leak: generated now, known to the stand-in and the secret manager. */
  readonly leaked: string;
  /** The provider's id of that key. */
  readonly leakedHash: string;
  readonly consumerToken: string;
  stop(): Promise<void>;
}

export const place = { connection: "demo-store", path: "secret/agents/triage", field: "OPENROUTER_API_KEY" };

export async function startWorld(
  say: (text: string) => void,
  options: { verbose?: boolean; rollout?: string; config?: string } = {},
): Promise<DemoWorld> {
  const folder = await mkdtemp(join(tmpdir(), "rekey-demo-"));
  const stops: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const stop = async () => {
    for (const end of stops.toReversed()) await end().catch(() => undefined);
  };
  try {
    const store = await startOpenBao(say);
    stops.push(() => store.stop());
    say(`secret manager: ${store.description}`);
    const provider = await startOpenRouter();
    stops.push(() => provider.stop());
    const { hash: leakedHash, secret } = provider.createKey("triage-agent");
    const leaked = secret.reveal();
    await putSecret(store, leaked);

    const github = await startGitHub({ folder });
    stops.push(() => github.stop());
    const people = { dev: github.addUser("dev"), mara: github.addUser("mara") };
    const repository = await github.addRepository("acme", "triage", { private: true, roles: { dev: "write", mara: "write" } });
    await pushMain(join(folder, "mara"), github, repository, people.mara);

    const secrets = { webhook: randomBytes(24).toString("hex"), consumer: randomBytes(24).toString("hex") };
    const keys = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    });
    const port = await freePort();
    const app = github.installApp({
      publicKey: keys.publicKey,
      webhookUrl: `http://127.0.0.1:${port}/api/github/webhooks`,
      webhookSecret: secrets.webhook,
      permissions: { metadata: "read", contents: "read", checks: "write", pull_requests: "write", issues: "write" },
    });
    const server = await startServer({
      config: parseServerConfig(
        configText({
          github: github.url,
          app: app.id,
          store: store.url,
          provider: provider.url,
          port,
          rollout: options.rollout ?? "rotate",
        }) + (options.config ?? ""),
        "demo.yml",
      ),
      environment: {
        DEMO_APP_KEY: keys.privateKey,
        DEMO_WEBHOOK_SECRET: secrets.webhook,
        DEMO_STORE_TOKEN: store.token.reveal(),
        DEMO_PROVIDER_KEY: provider.managementKey.reveal(),
        DEMO_CONSUMER_TOKEN: secrets.consumer,
        DEMO_FINGERPRINT_KEY: randomBytes(32).toString("hex"),
      },
      dataDir: join(folder, "db"),
      log: options.verbose ? createLog("debug") : silentLog,
    });
    stops.push(() => server.stop());
    return { server, github, store, provider, repository, people, folder, leaked, leakedHash, consumerToken: secrets.consumer, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function configText(of: { github: string; app: number; store: string; provider: string; port: number; rollout: string }): string {
  return `github: { api: "${of.github}", web: "${of.github}", app_id: ${of.app}, private_key: "env:DEMO_APP_KEY", webhook_secret: "env:DEMO_WEBHOOK_SECRET" }
fingerprint: { key: "env:DEMO_FINGERPRINT_KEY" }
listen: { port: ${of.port} }
connections:
  demo-store: { type: vault, host: "${of.store}", credential: "env:DEMO_STORE_TOKEN" }
  demo-openrouter: { type: openrouter, host: "${of.provider}", credential: "env:DEMO_PROVIDER_KEY" }
consumers: [ { name: triage-agent, token: "env:DEMO_CONSUMER_TOKEN" } ]
policy: { rollout: ${of.rollout}, probe: on, disclosure: full, mode: graceful, automatic: off, consumers: { timeout: 60s }, soak: 2s }
`;
}

async function putSecret(store: OpenBao, value: string): Promise<void> {
  await request({
    method: "POST",
    url: `${store.url}/v1/secret/data/agents/triage`,
    headers: { "x-vault-token": store.token.reveal(), "content-type": "application/json" },
    body: JSON.stringify({ data: { [place.field]: value } }),
    pins: [pinOf(store.url)],
    timeout: 10_000,
  });
}

const mcp = (value: string) =>
  `${JSON.stringify({ mcpServers: { research: { command: "npx", args: ["-y", "@acme/research-mcp"], env: { OPENROUTER_API_KEY: value } } } }, null, 2)}\n`;

/** The default branch: a reference instead of a value, an owner, and what the agent's owner declares. */
async function pushMain(folder: string, github: GitHubStandIn, repository: Repository, mara: User): Promise<void> {
  await mkdir(join(folder, ".rekey"), { recursive: true });
  await git(["init", "--quiet", "--initial-branch=main"], { cwd: folder });
  await writeFile(join(folder, ".mcp.json"), mcp(`\${${place.field}}`));
  await writeFile(join(folder, "CODEOWNERS"), "/.mcp.json @mara\n");
  await writeFile(
    join(folder, ".rekey/identities.yml"),
    `version: 1
identities:
  - kind: agent
    name: triage-agent
    owner: '@mara'
    environment: staging
    credentials:
      - detector: openrouter-api-key
        stored_in: [ { connection: ${place.connection}, path: ${place.path}, field: ${place.field} } ]
        consumers: [ { name: triage-agent, report: version } ]
`,
  );
  await commitAndPush(folder, github, repository, mara, "main", "Set up the triage agent");
}

/** `dev` pushes a branch with the key as a literal, and opens the pull request. Returns its number. */
export async function leak(world: DemoWorld, options: { afterOpening?: () => void } = {}): Promise<number> {
  const { github, repository, folder, leaked } = world;
  const { dev } = world.people;
  const work = join(folder, "dev");
  await git(["clone", "--quiet", repository.path, work], { cwd: folder, remote: { url: repository.path, file: true } });
  await git(["checkout", "--quiet", "-b", "faster-research"], { cwd: work });
  await writeFile(join(work, ".mcp.json"), mcp(leaked));
  await commitAndPush(work, github, repository, dev, "faster-research", "Try the research server locally");
  const opened = (await asUser(world, dev, "POST", "/pulls", { title: "Faster research", head: "faster-research", base: "main" })) as {
    number: number;
  };
  options.afterOpening?.();
  return opened.number;
}

/** One more commit with one file on a branch, which starts at `main` where it is new. */
export async function pushFile(world: DemoWorld, user: User, branch: string, name: string, text: string): Promise<void> {
  const { github, repository, folder } = world;
  const work = await mkdtemp(join(folder, "push-"));
  await git(["clone", "--quiet", repository.path, work], { cwd: folder, remote: { url: repository.path, file: true } });
  await writeFile(join(work, name), text);
  await commitAndPush(work, github, repository, user, branch, `Write ${name}`);
}

/** One call of GitHub's API as a person. */
export async function asUser({ github, repository }: DemoWorld, user: User, method: string, path: string, body?: object): Promise<unknown> {
  const answer = await request({
    method,
    url: `${github.url}/repos/${repository.owner}/${repository.name}${path}`,
    headers: { authorization: `Bearer ${user.token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    pins: [pinOf(github.url)],
    timeout: 10_000,
  });
  return JSON.parse(answer.body.toString("utf8"));
}

async function commitAndPush(
  folder: string,
  github: GitHubStandIn,
  repository: Repository,
  user: User,
  branch: string,
  subject: string,
): Promise<void> {
  const person = ["-c", `user.name=${user.login}`, "-c", `user.email=${user.login}@acme.example`];
  const url = `${github.url}/${repository.owner}/${repository.name}.git`;
  await git(["add", "-A"], { cwd: folder });
  await git([...person, "commit", "--quiet", "-m", subject], { cwd: folder });
  await git(["push", "--quiet", url, `HEAD:refs/heads/${branch}`], { cwd: folder, remote: { url, token: user.token, loopback: true } });
}
