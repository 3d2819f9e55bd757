/**
 * `node bench/github-requests.ts`: how many requests Rekey makes to GitHub for a push, a pull request and a repository of the backfill,
 * counted on the stand-in, and how large an organisation one installation can serve within GitHub's published limits
 * (docs.github.com, "Rate limits for the REST API", read in November 2026).
 */
import { openRouterKey } from "../test/github/keys.ts";
import { concluded, startApp, until } from "../test/github/world.ts";

/** 5,000 an hour at least for an installation; 15,000 on GitHub Enterprise Cloud. 80 and 500 creations of content a minute and an hour. */
const limits = { hour: 5000, enterprise: 15_000, contentHour: 500 };
/** What a developer does in an hour at a busy time: assumed, and printed. */
const perDeveloper = { pushes: 1, pullRequestPushes: 0.5, leaks: 0.002 };

const world = await startApp({ policy: "rollout: comment" });
let seen: { method: string; path: string }[] = [];
world.github.seen = (request) => seen.push(request);
const kindOf = ({ path }: { path: string }) =>
  path.includes(".git/")
    ? "git"
    : path.startsWith("/app/") || path === "/app"
      ? "app"
      : path.startsWith("/repos/") || path.startsWith("/orgs/")
        ? "api"
        : "other";

async function count(what: string, work: () => Promise<unknown>): Promise<{ api: number; git: number; app: number; content: number }> {
  await new Promise((resolve) => setTimeout(resolve, 2000));
  seen = [];
  await work();
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const by = (kind: string) => seen.filter((request) => kindOf(request) === kind && !isOurs(request)).length;
  const content = seen.filter(
    ({ method, path }) => method === "POST" && /\/(comments|reviews|check-runs|issues|reactions)$/.test(path),
  ).length;
  const result = { api: by("api"), git: by("git"), app: by("app"), content };
  process.stdout.write(
    `${what.padEnd(56)} ${String(result.api).padStart(4)} API ${String(result.git).padStart(4)} git ${String(result.app).padStart(4)} tokens and deliveries ${String(result.content).padStart(3)} creations\n`,
  );
  return result;
}

/** Requests of the people in this play, and of their git. */
function isOurs({ method, path }: { method: string; path: string }): boolean {
  return (
    path.includes("git-receive-pack") || (method === "POST" && path.endsWith("/pulls")) || people.some((check) => check({ method, path }))
  );
}
const people: ((request: { method: string; path: string }) => boolean)[] = [];

const of = await world.addRepository("counted");
await new Promise((resolve) => setTimeout(resolve, 4000));
const judged = async (number: number) => concluded(of, number);
const pushMain = await count("push to the default branch, nothing found", async () => {
  await of.commit("work", { "a.txt": "one\n" });
  await of.push("main", { as: world.mara });
  await until(
    "it is judged",
    () => seen.filter((request) => kindOf(request) === "git").length,
    (n) => n > 4,
  );
});
const branch = await count("push to a branch without a pull request", async () => {
  await of.branch("idle");
  await of.commit("work", { "b.txt": "one\n" });
  await of.push("idle");
  await until(
    "it is judged",
    () => seen.filter((request) => kindOf(request) === "git").length,
    (n) => n > 4,
  );
});
let number = 0;
const clean = await count("pull request opened, nothing found", async () => {
  number = await of.propose("clean", { "c.txt": "one\n" });
  await judged(number);
});
const again = await count("push to that pull request, nothing found", async () => {
  await of.commit("more", { "c.txt": "two\n" });
  await of.push("clean");
  await judged(number);
});
const leak = await count("pull request with a credential, until comment and notes", async () => {
  number = await of.propose("leak", { "d.env": `KEY=${openRouterKey()}\n` });
  await judged(number);
  await until(
    "the comment stands",
    () => of.comment(number),
    (text) => text !== "",
  );
});
world.github.weather = { copies: () => 0 };
const old = await world.addRepository("old");
await old.commit("long ago", { "old.env": `KEY=${openRouterKey()}\n` });
await old.push("main");
world.github.weather = {};
const backfill = await count("repository of the backfill", async () => {
  world.github.installation("created", [old.repository]);
  const { db } = world.server.rekey.database;
  await until(
    "it is read",
    () => db.selectFrom("repository").select("backfilled_at").where("full_name", "=", "acme/old").executeTakeFirst(),
    (row) => row?.backfilled_at != null,
  );
});

const perHour = perDeveloper.pushes * branch.api + perDeveloper.pullRequestPushes * again.api + perDeveloper.leaks * leak.api;
const content = perDeveloper.pullRequestPushes * again.content + perDeveloper.leaks * leak.content;
process.stdout.write(`
A developer at a busy time: ${perDeveloper.pushes} push and ${perDeveloper.pullRequestPushes} pushes to a pull request an hour, a leak in ${1 / perDeveloper.leaks} hours (assumed)
= ${perHour.toFixed(1)} API requests and ${content.toFixed(2)} creations (check runs among them) an hour
One installation serves ${Math.floor(limits.hour / perHour)} such developers with ${limits.hour} requests an hour, ${Math.floor(limits.enterprise / perHour)} with ${limits.enterprise};
by creations (${limits.contentHour} an hour) ${Math.floor(limits.contentHour / content)}.
Backfill: ${backfill.api} API requests a repository; ${Math.floor((limits.hour * 0.75) / backfill.api)} repositories an hour within three quarters of ${limits.hour}; git has no published limit.
First push to main costs ${pushMain.api} API requests, a new pull request ${clean.api}.
`);
await world.stop();
