import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type RunningServer, startServer } from "../../src/cli/server.ts";
import { parseServerConfig } from "../../src/config/server.ts";
import { git, gitText } from "../../src/git.ts";
import { pinOf, request } from "../../src/http.ts";
import type { Incident } from "../../src/incident/fold.ts";
import { createLog, silentLog } from "../../src/log.ts";
import { freePort } from "../../src/stand-in/child.ts";
import { type GitHubStandIn, startGitHub } from "../../src/stand-in/github/server.ts";
import type { CheckRun, Repository, User } from "../../src/stand-in/github/state.ts";
import { type OpenRouter, startOpenRouter } from "../../src/stand-in/openrouter.ts";
import { listIncidents } from "../../src/store/incidents.ts";
import { heldToDescription } from "./openapi/conformance.ts";

/** The App over the GitHub stand-in and a provider whose keys live and die; no secret manager, so that it starts fast. */
export interface AppWorld {
  readonly github: GitHubStandIn;
  readonly provider: OpenRouter;
  readonly folder: string;
  readonly dev: User;
  readonly mara: User;
  server: RunningServer;
  addRepository(name: string, options?: { private?: boolean; files?: Files }): Promise<WorkingRepository>;
  incidents(): Promise<Incident[]>;
  /** What a person does in the provider's console. */
  deleteKey(hash: string): Promise<void>;
  /** Ends the App and starts it again on the same database. */
  restart(change?: { stopFirst?: boolean }): Promise<void>;
  /** Fails where a request, an answer or a webhook of this world was not as GitHub's OpenAPI description says. */
  stop(): Promise<void>;
}

type Files = Readonly<Record<string, string | Uint8Array | undefined>>;

/** A clone of a stand-in's repository, whose pushes go over git HTTP and so raise webhooks. */
export interface WorkingRepository {
  readonly repository: Repository;
  readonly work: string;
  git(...args: string[]): Promise<string>;
  /** Writes files (undefined: removes them), commits; gives the commit's id. */
  commit(message: string, files?: Files): Promise<string>;
  /** A new branch at `from`, checked out. */
  branch(name: string, from?: string): Promise<void>;
  push(branch: string, options?: { as?: User; force?: boolean }): Promise<void>;
  open(head: string, options?: { as?: User; base?: string; draft?: boolean }): Promise<number>;
  api(as: User, method: string, path: string, body?: object): Promise<unknown>;
  /** Branch, commit, push and pull request at once. */
  propose(name: string, files: Files, options?: { as?: User; message?: string }): Promise<number>;
  /** The App's checks on the head of a pull request, or on a commit, newest last. */
  checks(of: number | string): CheckRun[];
  comment(number: number): string;
}

export async function startApp(
  options: {
    policy?: string;
    security?: string;
    env?: Record<string, string>;
    /** People log in through GitHub, and through this OpenID provider where it is given as YAML. */
    login?: { oidc?: string };
    /** Further connections. */
    connections?: string;
    /** Further lines of the configuration. */
    more?: string;
  } = {},
): Promise<AppWorld> {
  const folder = await mkdtemp(join(tmpdir(), "rekey-app-"));
  const github = await startGitHub({ folder });
  const conforms = heldToDescription(github);
  const provider = await startOpenRouter();
  const [dev, mara] = [github.addUser("dev"), github.addUser("mara")];
  const secret = randomBytes(24).toString("hex");
  const keys = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const port = await freePort();
  const app = github.installApp({
    publicKey: keys.publicKey,
    webhookUrl: `http://127.0.0.1:${port}/api/github/webhooks`,
    webhookSecret: secret,
    permissions: { metadata: "read", contents: "read", checks: "write", pull_requests: "write", issues: "write" },
  });
  const config = parseServerConfig(
    `github: { api: "${github.url}", web: "${github.url}", app_id: ${app.id}, private_key: "env:APP_KEY", webhook_secret: "env:WEBHOOK_SECRET" }
fingerprint: { key: "env:FINGERPRINT_KEY" }
listen: { port: ${port} }
connections: { router: { type: openrouter, host: "${provider.url}", credential: "env:PROVIDER_KEY" }${options.connections === undefined ? "" : `, ${options.connections}`} }
security_team: [${options.security ?? "mara"}]
policy: { ${options.policy ?? "rollout: block"} }
${options.login === undefined ? "" : loginText(github, port, options.login.oidc)}${options.more ?? ""}`,
    "test.yml",
  );
  const start = () =>
    startServer({
      config,
      environment: {
        APP_KEY: keys.privateKey,
        WEBHOOK_SECRET: secret,
        PROVIDER_KEY: provider.managementKey.reveal(),
        FINGERPRINT_KEY: fingerprintKey,
        LOGIN_SECRET: github.login.secret,
        ...options.env,
      },
      dataDir: join(folder, "db"),
      log: process.env["REKEY_TEST_LOG"] === undefined ? silentLog : createLog("info"),
    });
  const fingerprintKey = randomBytes(32).toString("hex");
  const world: AppWorld = {
    github,
    provider,
    folder,
    dev,
    mara,
    server: await start(),
    addRepository: (name, { private: isPrivate = true, files = { "README.md": "# read me\n" } } = {}) =>
      workingRepository(world, name, isPrivate, files),
    incidents: () => listIncidents(world.server.rekey.database.db),
    async deleteKey(hash) {
      const headers = { authorization: `Bearer ${provider.managementKey.reveal()}` };
      await request({ method: "DELETE", url: `${provider.url}/api/v1/keys/${hash}`, headers, pins: [pinOf(provider.url)], timeout: 5000 });
    },
    async restart({ stopFirst = true } = {}) {
      if (stopFirst) await world.server.stop();
      world.server = await start();
    },
    async stop() {
      await world.server.stop();
      await github.stop();
      await provider.stop();
      await rm(folder, { recursive: true, force: true });
      conforms();
    },
  };
  return world;
}

function loginText(github: GitHubStandIn, port: number, oidc?: string): string {
  const through = `github: { client_id: "${github.login.id}", client_secret: "env:LOGIN_SECRET" }${oidc === undefined ? "" : `, oidc: ${oidc}`}`;
  return `login: { url: "http://127.0.0.1:${port}", ${through} }\n`;
}

async function workingRepository(world: AppWorld, name: string, isPrivate: boolean, files: Files): Promise<WorkingRepository> {
  const { github, folder, dev, mara } = world;
  const repository = await github.addRepository("acme", name, { private: isPrivate, roles: { dev: "write", mara: "admin" } });
  const work = join(folder, `work-${name}`);
  await mkdir(work);
  const url = () => `${github.url}/${repository.owner}/${repository.name}.git`;
  const person = ["-c", "user.name=Dana Dev", "-c", "user.email=dana@acme.example"];
  const run = (...args: string[]) => gitText([...person, ...args], { cwd: work });
  const made: WorkingRepository = {
    repository,
    work,
    git: run,
    async commit(message, changed = {}) {
      for (const [path, content] of Object.entries(changed)) {
        await mkdir(dirname(join(work, path)), { recursive: true });
        if (content === undefined) await rm(join(work, path));
        else await writeFile(join(work, path), content);
      }
      await run("add", "--all");
      await run("commit", "--quiet", "--allow-empty", "-m", message);
      return (await run("rev-parse", "HEAD")).trim();
    },
    async branch(branch, from = "main") {
      await run("checkout", "--quiet", "-B", branch, from);
    },
    async push(branch, { as = dev, force = false } = {}) {
      const remote = { url: url(), token: as.token, loopback: true };
      await git(["push", "--quiet", ...(force ? ["--force"] : []), url(), `${branch}:refs/heads/${branch}`], { cwd: work, remote });
    },
    async open(head, { as = dev, base = "main", draft = false } = {}) {
      const opened = (await made.api(as, "POST", "/pulls", { title: head, head, base, draft })) as { number: number };
      return opened.number;
    },
    async api(as, method, path, body) {
      const answer = await request({
        method,
        url: `${github.url}/repos/${repository.owner}/${repository.name}${path}`,
        headers: { authorization: `Bearer ${as.token}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        pins: [pinOf(github.url)],
        timeout: 10_000,
      });
      return answer.body.length === 0 ? undefined : JSON.parse(answer.body.toString("utf8"));
    },
    async propose(branch, changed, { as = dev, message = branch } = {}) {
      await made.branch(branch);
      await made.commit(message, changed);
      await made.push(branch, { as });
      return made.open(branch, { as });
    },
    checks(of) {
      const pull = github.state.pulls.find((one) => one.repository === repository.id && one.number === of);
      const sha = typeof of === "string" ? of : pull?.headSha;
      return github.state.checks.filter((check) => check.repository === repository.id && check.headSha === sha);
    },
    comment: (number) =>
      github.state.comments.findLast(({ byApp, issue, repository: id }) => byApp && issue === number && id === repository.id)?.body ?? "",
  };
  await run("init", "--quiet", "--initial-branch=main");
  await made.commit("Begin", files);
  await made.push("main", { as: mara });
  return made;
}

export async function until<T>(what: string, read: () => T | Promise<T>, done: (value: T) => boolean, timeout = 60_000): Promise<T> {
  const end = Date.now() + timeout;
  for (;;) {
    const value = await read();
    if (done(value)) return value;
    if (Date.now() > end) throw new Error(`waited ${timeout / 1000} s until ${what}; last seen: ${JSON.stringify(value)?.slice(0, 2000)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The App's last word on a pull request or commit: its check, once a scan has completed it (a slow machine may pass the deadline first). */
export async function concluded(of: WorkingRepository, what: number | string): Promise<CheckRun> {
  const check = await until(
    `the check of ${what} is completed`,
    () => of.checks(what).at(-1),
    (latest) => latest?.status === "completed" && latest.output.title !== "Could not be scanned yet",
  );
  if (check === undefined) throw new Error("unreachable");
  return check;
}
