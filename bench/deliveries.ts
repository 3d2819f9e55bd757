/**
 * `node bench/deliveries.ts [--deliveries 10000] [--workers 3] [--kill 5]`: that many webhooks over the GitHub stand-in and a real PostgreSQL: signed
 * ones, a fifth of them twice, all delayed at random and so out of order, and forged ones between them, while one of the workers is killed
 * (SIGKILL) every `--kill` seconds. Exits with 1 where something was lost, done twice, or accepted though forged.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createHmac, generateKeyPairSync, randomBytes, randomInt, randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import pg from "pg";
import { expandTemplate } from "../src/detector/template.ts";
import { git, gitText } from "../src/git.ts";
import { pinOf, request } from "../src/http.ts";
import { freePort } from "../src/stand-in/child.ts";
import { startGitHub } from "../src/stand-in/github/server.ts";
import type { PullRequest, Repository, User } from "../src/stand-in/github/state.ts";
import { startPostgres } from "../test/servers/postgres.ts";

const { values } = parseArgs({
  options: { deliveries: { type: "string" }, workers: { type: "string" }, kill: { type: "string" }, repositories: { type: "string" } },
});
const wanted = Number(values.deliveries ?? 10_000);
const workerCount = Number(values.workers ?? 3);
const killEvery = Number(values.kill ?? 5) * 1000;
const repositoryCount = Number(values.repositories ?? 8);
const pullsEach = 8;
/** Of the pull requests one in four leaks. */
const leaks = (number: number) => number % 4 === 0;
const forgedShare = 0.05;
const twiceShare = 0.2;
/** Milliseconds over which the deliveries of a round are spread. */
const spread = Math.max(10_000, wanted * 6);

const cli = fileURLToPath(new URL("../src/cli.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "rekey-deliveries-"));
const postgres = await startPostgres();
const github = await startGitHub({ folder });
const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const children = new Set<ChildProcess>();
let killed = 0;
let twice = 0;
const copies = () => {
  if (Math.random() >= twiceShare) return 1;
  twice += 1;
  return 2;
};

try {
  const port = await freePort();
  const secret = randomBytes(24).toString("hex");
  const environment = configure(port, secret);
  const dev = github.addUser("dev");
  const start = (command: string) => startChild([command, "--config", join(folder, "rekey.yml"), "--log-level", "error"], environment);
  await start("serve");
  const workers = await Promise.all(Array.from({ length: workerCount }, () => start("worker")));

  github.weather = { copies, delay: () => randomInt(2000) };
  /** When each head was pushed, and when its check was completed, milliseconds. */
  const pushed = new Map<string, number>();
  const completed = new Map<string, number>();
  github.exchanged = (exchange) => {
    if (exchange.kind !== "request" || exchange.status >= 300 || !exchange.path.includes("/check-runs")) return;
    const { head_sha: head, status } = exchange.answer as { head_sha?: string; status?: string };
    if (head !== undefined && status === "completed" && !completed.has(head)) completed.set(head, performance.now());
  };

  let killing = true;
  const killer = (async () => {
    while (killing) {
      await sleep(killEvery);
      const victim = randomInt(workers.length);
      if (!killing) return;
      workers[victim]?.kill("SIGKILL");
      killed += 1;
      workers[victim] = await start("worker");
    }
  })();

  const began = performance.now();
  const repositories: { repository: Repository; work: string }[] = [];
  for (let index = 0; index < repositoryCount; index++) repositories.push(await fill(index, dev, pushed));
  const forged = await chatter(repositories, port, secret);
  await until("every delivery was answered", () => github.state.deliveries.every(({ statusCode }) => statusCode !== 0), 600_000);
  const answered = performance.now();
  await until("every head has its conclusion", () => [...pushed.keys()].every((head) => completed.has(head)), 1_800_000);
  killing = false;
  await killer;

  const client = new pg.Client({ connectionString: postgres.url });
  client.on("error", () => undefined);
  await client.connect();
  await until(
    "every delivery was handled",
    async () => Number((await client.query("select count(*) from delivery where handled_at is null")).rows[0]?.count) === 0,
    600_000,
  );
  const commentsOf = (pull: PullRequest) =>
    github.state.comments.filter(({ byApp, repository, issue }) => byApp && repository === pull.repository && issue === pull.number);
  const due = ({ number }: PullRequest) => (leaks(number) ? 1 : 0);
  await until(
    "every comment that is due is there",
    () => github.state.pulls.every((pull) => commentsOf(pull).length >= due(pull)),
    300_000,
  );
  // what is done twice may come late
  await sleep(15_000);

  const { deliveries, pulls, checks } = github.state;
  const attempts = deliveries.length + twice + forged.length;
  const kept = new Set((await client.query("select guid from delivery")).rows.map(({ guid }: { guid: string }) => guid));
  const opened = (await client.query("select stream from event where body->>'type' = 'opened'")).rows.length;
  const incidents = Number((await client.query("select count(*) from incident")).rows[0]?.count);
  const dead = Number((await client.query("select count(*) from pgboss.job where name = 'dead-letter'")).rows[0]?.count);
  await client.end();

  const faults: string[] = [];
  const expectNone = (what: string, list: readonly unknown[]) => {
    if (list.length > 0) faults.push(`${list.length} ${what}: ${JSON.stringify(list.slice(0, 3))}`);
  };
  expectNone(
    "signed deliveries lost",
    deliveries.filter(({ guid }) => !kept.has(guid)),
  );
  expectNone(
    "forged deliveries kept",
    forged.filter(({ guid, status }) => kept.has(guid) || status !== 401),
  );
  expectNone(
    "pull requests without exactly one check on their head, with the right conclusion",
    pulls.filter((pull) => {
      const own = checks.filter(({ repository, headSha }) => repository === pull.repository && headSha === pull.headSha);
      return own.length !== 1 || own[0]?.conclusion !== (leaks(pull.number) ? "action_required" : "success");
    }),
  );
  expectNone(
    "pull requests without exactly the comments that are due",
    pulls.flatMap((pull) => (commentsOf(pull).length === due(pull) ? [] : [{ number: pull.number, comments: commentsOf(pull).length }])),
  );
  const leaking = pulls.filter(({ number }) => leaks(number)).length;
  if (incidents !== leaking || opened !== leaking)
    faults.push(`${incidents} incidents, opened ${opened} times, for ${leaking} leaked keys`);
  if (dead > 0) faults.push(`${dead} jobs were given up`);

  const times = deliveries.flatMap(({ duration }) => (duration === undefined ? [] : [duration * 1000])).toSorted((a, b) => a - b);
  const waits = [...pushed].flatMap(([head, at]) => [(completed.get(head) ?? Number.NaN) - at]).toSorted((a, b) => a - b);
  const at = (list: readonly number[], share: number) => list[Math.ceil(share * list.length) - 1] ?? Number.NaN;
  console.log(
    `${attempts} deliveries (${deliveries.length} signed, ${twice} of them twice, ${forged.length} forged) over ${((answered - began) / 1000).toFixed(0)} s; ${workerCount} workers, ${killed} killed`,
  );
  console.log(`answered in: p50 ${at(times, 0.5).toFixed(0)} ms, p99 ${at(times, 0.99).toFixed(0)} ms`);
  console.log(
    `${pulls.length} pull requests, ${pushed.size} heads; push to completed check: p50 ${(at(waits, 0.5) / 1000).toFixed(1)} s, p95 ${(at(waits, 0.95) / 1000).toFixed(1)} s`,
  );
  console.log(faults.length === 0 ? "nothing lost, nothing twice, nothing forged accepted" : faults.join("\n"));
  process.exitCode = faults.length === 0 ? 0 : 1;
} finally {
  for (const child of children) child.kill("SIGKILL");
  await github.stop();
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
}

function configure(port: number, secret: string): NodeJS.ProcessEnv {
  const keys = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const app = github.installApp({
    publicKey: keys.publicKey,
    webhookUrl: `http://127.0.0.1:${port}/api/github/webhooks`,
    webhookSecret: secret,
    permissions: { metadata: "read", contents: "read", checks: "write", pull_requests: "write", issues: "write" },
  });
  writeFileSync(
    join(folder, "rekey.yml"),
    `github: { api: "${github.url}", web: "${github.url}", app_id: ${app.id}, private_key: "env:APP_KEY", webhook_secret: "env:WEBHOOK_SECRET" }
database: { url: "env:DATABASE_URL" }
fingerprint: { key: "env:FINGERPRINT_KEY" }
listen: { port: ${port} }
security_team: [mara]
policy: { rollout: block, probe: off, unavailable_after: 1h }
`,
  );
  return {
    ...process.env,
    HOME: folder,
    APP_KEY: keys.privateKey,
    WEBHOOK_SECRET: secret,
    DATABASE_URL: postgres.url,
    FINGERPRINT_KEY: randomBytes(32).toString("hex"),
  };
}

async function startChild(args: readonly string[], env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const child = spawn(process.execPath, [cli, ...args], { env, stdio: ["ignore", "inherit", "pipe"] });
  children.add(child);
  child.once("exit", () => children.delete(child));
  await new Promise<void>((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`rekey ${args[0]} ended with ${code} before it was ready`)));
    child.stderr?.on("data", (part: Buffer) => {
      if (/^rekey: (listening|worker started)/m.test(part.toString())) resolve();
      else process.stderr.write(part);
    });
  });
  return child;
}

/** A repository with its pull requests: each is pushed, opened, and pushed again; one in four leaks a key with its first push. */
async function fill(index: number, dev: User, pushed: Map<string, number>): Promise<{ repository: Repository; work: string }> {
  const repository = await github.addRepository("acme", `app-${index}`, { private: true, roles: { dev: "write", mara: "admin" } });
  const work = join(folder, `work-${index}`);
  mkdirSync(work);
  const run = (...args: string[]) => gitText(["-c", "user.name=Dana Dev", "-c", "user.email=dana@acme.example", ...args], { cwd: work });
  const url = `${github.url}/acme/app-${index}.git`;
  const push = (...refs: string[]) =>
    git(["push", "--quiet", url, ...refs], { cwd: work, remote: { url, token: dev.token, loopback: true } });
  const commit = async (file: string, text: string) => {
    writeFileSync(join(work, file), text);
    await run("add", "--all");
    await run("commit", "--quiet", "-m", `Change ${file}`);
    return (await run("rev-parse", "HEAD")).trim();
  };
  await run("init", "--quiet", "--initial-branch=main");
  await commit("README.md", "# read me\n");
  await push("main");
  for (const round of [1, 2]) {
    for (let number = 1; number <= pullsEach; number++) {
      await run("checkout", "--quiet", ...(round === 1 ? ["-b", `topic-${number}`, "main"] : [`topic-${number}`]));
      const key = expandTemplate("sk-or-v1-{hex:64}", (below) => randomInt(below));
      const head = await commit(
        `round-${round}.env`,
        leaks(number) && round === 1 ? `OPENROUTER_API_KEY=${key}\n` : `LEVEL=${round}\nTOPIC=${number}\n`,
      );
      const at = performance.now();
      await push(`topic-${number}`);
      if (round === 1) {
        await request({
          method: "POST",
          url: `${github.url}/repos/acme/app-${index}/pulls`,
          headers: { authorization: `Bearer ${dev.token}`, "content-type": "application/json" },
          body: JSON.stringify({ title: `Topic ${number}`, head: `topic-${number}`, base: "main" }),
          pins: [pinOf(github.url)],
          timeout: 10_000,
        });
      } else pushed.set(head, at);
    }
  }
  return { repository, work };
}

interface Forged {
  readonly guid: string;
  readonly status: number;
}

/** What an organisation says all day: edits, talk, pushes to other branches; and somebody who forges. Gives what was forged. */
async function chatter(repositories: readonly { repository: Repository }[], port: number, secret: string): Promise<Forged[]> {
  const forgedCount = Math.round(wanted * forgedShare);
  const rest = Math.max(0, Math.round((wanted - forgedCount) / (1 + twiceShare)) - github.state.deliveries.length);
  github.weather = { copies, delay: () => randomInt(spread) };
  for (let index = 0; index < rest; index++) {
    const { repository } = repositories[index % repositories.length] ?? {};
    const pull = github.state.pulls.filter((one) => one.repository === repository?.id)[index % pullsEach];
    if (repository === undefined || pull === undefined) continue;
    const { number, headSha } = pull;
    const shown = { number, state: "open", head: { ref: pull.head, sha: headSha }, base: { ref: "main" } };
    if (index % 3 === 0) github.send("pull_request", { action: "synchronize", number, pull_request: shown }, repository, "dev");
    else if (index % 3 === 1)
      github.send("pull_request", { action: "edited", number, pull_request: shown, changes: {} }, repository, "dev");
    else github.send("pull_request", { action: "labeled", number, pull_request: shown }, repository, "dev");
  }
  const forged: Forged[] = [];
  for (let index = 0; index < forgedCount; index++) {
    await sleep(spread / forgedCount);
    const guid = randomUUID();
    const body = JSON.stringify({ action: "opened", number: 1, installation: { id: github.state.app?.installation } });
    const wrong = [randomBytes(24).toString("hex"), "development", secret.slice(1)][index % 3] ?? "";
    const signature = index % 4 === 3 ? undefined : `sha256=${createHmac("sha256", wrong).update(body).digest("hex")}`;
    const answer = await fetch(`http://127.0.0.1:${port}/api/github/webhooks`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-github-event": "pull_request",
        "x-github-delivery": guid,
        ...(signature === undefined ? {} : { "x-hub-signature-256": signature }),
      },
      body,
    });
    forged.push({ guid, status: answer.status });
  }
  return forged;
}

async function until(what: string, done: () => boolean | Promise<boolean>, timeout: number): Promise<void> {
  const end = performance.now() + timeout;
  while (!(await done())) {
    if (performance.now() > end) throw new Error(`waited ${timeout / 1000} s until ${what}`);
    await sleep(200);
  }
}
