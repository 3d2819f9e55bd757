import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, test as always, expect } from "vitest";
import { startAgent } from "../../src/cli/demo-agent.ts";
import { asUser, type DemoWorld, leak, place, startWorld } from "../../src/cli/demo-world.ts";
import { git } from "../../src/git.ts";
import { pinOf, request } from "../../src/http.ts";
import type { Incident } from "../../src/incident/fold.ts";
import { recover } from "../../src/pipeline/recover.ts";
import { ensureOpenBao } from "../../src/stand-in/openbao.ts";
import { getIncident, listIncidents, listOccurrences } from "../../src/store/incidents.ts";
import { real } from "../servers/real.ts";

const test = always.runIf((await real("OpenBao", () => ensureOpenBao())) !== undefined);

let world: DemoWorld | undefined;
afterEach(async () => {
  await world?.stop();
  world = undefined;
});

async function until<T>(what: string, read: () => T | Promise<T>, done: (value: T) => boolean, timeout = 60_000): Promise<T> {
  const end = Date.now() + timeout;
  for (;;) {
    const value = await read();
    if (done(value)) return value;
    if (Date.now() > end) throw new Error(`waited ${timeout / 1000} s until ${what}; it is ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const comment = (w: DemoWorld) => w.github.state.comments.findLast(({ byApp }) => byApp)?.body ?? "";

async function opened(w: DemoWorld): Promise<{ number: number; id: string }> {
  const number = await leak(w);
  await until(
    "the plan is shown",
    () => comment(w),
    (text) => text.includes("<!-- rekey:rotate "),
  );
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const [incident] = await listIncidents(w.server.rekey.database.db);
  return { number, id: incident?.id ?? "" };
}

const say = (w: DemoWorld, login: "dev" | "mara", number: number, body: string) =>
  asUser(w, w.people[login], "POST", `/issues/${number}/comments`, { body });

const incident = async (w: DemoWorld, id: string): Promise<Incident> => {
  const found = await getIncident(w.server.rekey.database.db, id);
  if (found === undefined) throw new Error(`there is no ${id}`);
  return found;
};

/** Deletes the branch that leaked, and everything that only it reached. */
async function forget(w: DemoWorld, id: string): Promise<void> {
  const [occurrence] = await listOccurrences(w.server.rekey.database.db, id);
  const blob = occurrence?.finding.locator.blob ?? "";
  const cwd = w.repository.path;
  for (const ref of (await git(["for-each-ref", "--format=%(refname)"], { cwd })).toString("utf8").trim().split("\n"))
    if (ref !== "refs/heads/main") await git(["update-ref", "-d", ref], { cwd });
  await git(["reflog", "expire", "--expire=now", "--all"], { cwd });
  await git(["gc", "--prune=now", "--quiet"], { cwd });
  await expect(git(["cat-file", "-e", blob], { cwd }), "the leaked blob is gone").rejects.toThrow();
}

async function store(w: DemoWorld, method: string, path: string, body?: object): Promise<number> {
  const { status } = await request({
    method,
    url: `${w.store.url}/v1/secret/${path}`,
    headers: { "x-vault-token": w.store.token.reveal(), "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    pins: [pinOf(w.store.url)],
    timeout: 5000,
  });
  return status;
}

test("the leaked value outlives a force-push, a gc and its last store version until its death is proven", {
  timeout: 180_000,
}, async () => {
  world = await startWorld(() => undefined, { config: `quarantine: { connection: ${place.connection} }\n` });
  const w = world;
  const agent = startAgent(w);
  const { number, id } = await opened(w);
  const value = async () => (await recover(w.server.rekey, await incident(w, id)))?.reveal() === w.leaked;

  await say(w, "mara", number, `/rekey rotate ${id}`);
  await until(
    "revoked",
    () => incident(w, id),
    ({ clock }) => clock.revoked !== undefined,
  );
  await forget(w, id);
  expect(await value(), "from the older version in the secret manager").toBe(true);
  expect(await store(w, "PUT", "destroy/agents/triage", { versions: [1] })).toBe(204);
  expect(await value(), "from quarantine").toBe(true);

  await until(
    "dead",
    () => incident(w, id),
    ({ clock }) => clock.dead !== undefined,
    90_000,
  );
  await agent.stop();
  expect(agent.failed()).toBe(0);
  await until(
    "the quarantine is emptied",
    () => store(w, "GET", `data/rekey-quarantine/${id}`),
    (status) => status === 404,
  );
  expect(await value(), "nowhere any more").toBe(false);
});

/** The command line beside the running server; never blocks it. */
async function rekey(w: DemoWorld, args: readonly string[], input?: string): Promise<{ code: number | null; out: string; err: string }> {
  const cli = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));
  expect(existsSync(join(w.folder, "db"))).toBe(true);
  const child = spawn(process.execPath, [cli, ...args, "--data", join(w.folder, "db")], { stdio: ["pipe", "pipe", "pipe"] });
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  child.stdin.end(input ?? "");
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() };
}

test("contain is reversible by its owner, a pause holds everything, and verify takes the leaked value alone", {
  timeout: 180_000,
}, async () => {
  world = await startWorld(() => undefined);
  const w = world;
  const { number, id } = await opened(w);
  const key = () => w.provider.keys().find(({ hash }) => hash === w.leakedHash);
  const note = (text: string) =>
    until(
      text,
      () => comment(w),
      (body) => body.includes(text),
    );

  await say(w, "dev", number, `/rekey contain ${id}`);
  await until("disabled", key, (found) => found?.disabled === true);
  await until(
    "contained",
    () => incident(w, id),
    ({ run, clock }) => run?.state === "done" && clock.contained !== undefined,
  );
  await note("<!-- rekey:rotate "); // the plan is still offered
  const contained = await rekey(w, ["verify", id]);
  expect(contained).toMatchObject({ code: 1 });
  expect(contained.out).toContain("It is disabled, which contains it and can be taken back");

  await say(w, "dev", number, `/rekey cancel ${id}`);
  await note("for its owner or the security team (@mara)");
  expect(key()?.disabled).toBe(true);
  await say(w, "mara", number, `/rekey cancel ${id}`);
  await until("enabled", key, (found) => found?.disabled === false);
  await until(
    "no longer contained",
    () => incident(w, id),
    ({ run, clock }) => run?.state === "undone" && clock.contained === undefined,
  );

  expect((await rekey(w, ["pause", "a migration is under way"])).code).toBe(0);
  expect((await rekey(w, ["pause", "again"])).err).toContain("rotations are paused already");
  const hash = /rekey:rotate \S+ ([0-9a-f]+)/.exec(comment(w))?.[1];
  await say(w, "mara", number, `/rekey rotate ${id} ${hash}`);
  await note("Its rotation waits. All rotations are paused by the operator");
  expect(w.provider.keys()).toHaveLength(1);
  await say(w, "mara", number, `/rekey cancel ${id}`);
  await note("no longer waits for its rotation");
  expect((await rekey(w, ["resume"])).out).toContain("rotations go on; 0 were under way");

  // revoked by hand; the branch and the store's version are gone
  await fetch(`${w.provider.url}/api/v1/keys/${w.leakedHash}`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${w.provider.managementKey.reveal()}` },
  });
  await forget(w, id);
  await store(w, "DELETE", "metadata/agents/triage");
  const without = await rekey(w, ["verify", id]);
  expect(without).toMatchObject({ code: 1 });
  expect(without.out).toContain("could not be read again");
  const wrong = await rekey(w, ["verify", id], `${w.leaked.slice(0, -1)}${w.leaked.endsWith("0") ? "1" : "0"}\n`);
  expect(wrong.code).toBe(2);
  expect(wrong.err).toContain("its fingerprint differs");
  const right = await rekey(w, ["verify", id], `${w.leaked}\n`);
  expect(right).toMatchObject({ code: 0, out: `${id}: verified dead\n` });
});
