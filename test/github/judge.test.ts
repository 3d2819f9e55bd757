import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRouterKey } from "./keys.ts";
import { type AppWorld, concluded, startApp, until, type WorkingRepository } from "./world.ts";

let world: AppWorld;
let repository: WorkingRepository;
const old = openRouterKey();
const salts = [randomBytes(32).toString("hex"), randomBytes(32).toString("hex")];

beforeAll(async () => {
  world = await startApp();
  repository = await world.addRepository("app", {
    files: { "config.env": `A=1\nKEY=${old}\nB=2\n`, "other.md": "text\n" },
  });
}, 60_000);
afterAll(() => world.stop());

const clean = { conclusion: "success", output: { title: "No leaked credentials added" } };
const red = { conclusion: "action_required", output: { title: "1 leaked credential" } };

/** contracts.md §6: a credential that stood there already never turns the check red. */
const stays: Record<string, (of: WorkingRepository) => Promise<unknown>> = {
  "its neighbour is edited": (of) => of.commit("edit", { "config.env": `A=changed\nKEY=${old}\nB=2\n` }),
  "its line is moved": (of) => of.commit("move", { "config.env": `B=2\nA=1\nC=3\nKEY=${old}\n` }),
  "its line is reindented": (of) => of.commit("indent", { "config.env": `A=1\n    KEY=${old}\nB=2\n` }),
  "it is removed": (of) => of.commit("remove", { "config.env": "A=1\nB=2\n" }),
  "its file is renamed": async (of) => {
    await of.git("mv", "config.env", "settings.env");
    await of.commit("rename");
  },
};

test("a key that stood there already does not turn the check red when …", { timeout: 120_000 }, async () => {
  const numbers: [string, number][] = [];
  for (const [change, make] of Object.entries(stays)) {
    const branch = change.replaceAll(/\W/g, "-");
    await repository.branch(branch);
    await make(repository);
    await repository.push(branch);
    numbers.push([change, await repository.open(branch)]);
  }
  for (const [change, number] of numbers) expect(await concluded(repository, number), change).toMatchObject(clean);
  // it is known from the push to main, and no pull request is blamed for it
  const places = (await world.incidents()).flatMap(({ occurrences }) => occurrences);
  expect(places.filter(({ pullRequest }) => pullRequest !== undefined)).toEqual([]);
});

test("a newer main merged into the head brings none of main's own keys", async () => {
  const mains = openRouterKey();
  const own = await world.addRepository("merged", { files: { "app.env": "A=1\n" } });
  await own.branch("work");
  await own.commit("mine", { "mine.md": "mine\n" });
  await own.push("work");
  const number = await own.open("work");
  await concluded(own, number);
  await own.git("checkout", "--quiet", "main");
  await own.commit("theirs", { "app.env": `A=1\nKEY=${mains}\n` });
  await own.push("main", { as: world.mara });
  // GitHub keeps the pull request's own base.sha until the head moves, whatever the base branch does
  await own.git("checkout", "--quiet", "work");
  await own.git("merge", "--quiet", "--no-edit", "main");
  await own.commit("go on around it", { "app.env": `A=2\nKEY=${mains}\n` });
  const pull = world.github.state.pulls.find((one) => one.repository === own.repository.id && one.number === number);
  const stale = pull?.baseSha ?? "";
  await own.push("work");
  if (pull !== undefined) pull.baseSha = stale;
  expect(await concluded(own, number)).toMatchObject(clean);
  expect(own.comment(number)).toBe("");
});

test("a copy of an old key in a file of its own is new, and its check is red", async () => {
  const number = await repository.propose("copy", { "copy.env": `KEY=${old}\n` });
  expect(await concluded(repository, number)).toMatchObject(red);
  await until(
    "the comment names the place",
    () => repository.comment(number),
    (text) => text.includes("`copy.env:1`"),
  );
});

test("what has low confidence only stands in a neutral check and never in the conversation", async () => {
  const password = `${randomBytes(6).toString("hex")}7Kq!`;
  const number = await repository.propose("password", { "settings.py": `DB_PASSWORD = "${password}"\n` });
  const check = await concluded(repository, number);
  expect(check).toMatchObject({ conclusion: "neutral", output: { title: "Possible credentials, low confidence" } });
  expect(check).toMatchObject({ output: { summary: expect.stringContaining("`settings.py:1`") } });
  // the comment is written after the check: what comes next shows that none came
  const next = await repository.propose("key", { "key.env": `KEY=${openRouterKey()}\n` });
  await until(
    "the next comment",
    () => repository.comment(next),
    (text) => text !== "",
  );
  expect(repository.comment(number)).toBe("");
  expect(world.github.state.reviews.filter(({ pull }) => pull === number)).toEqual([]);
});

test("where not every commit can be had the check says so and is never green", async () => {
  await repository.branch("cut");
  await repository.commit("harmless", { "harmless.md": "text\n" });
  await repository.push("cut");
  // GitHub counts one commit more than git can find: whatever is fetched, something is missing
  const head = (await repository.git("rev-parse", "HEAD")).trim();
  try {
    world.github.amend = ({ path, body }) =>
      path.includes("/compare/") && path.includes(head) ? { ...body, ahead_by: Number(body["ahead_by"]) + 1 } : body;
    const number = await repository.open("cut");
    expect(await concluded(repository, number)).toMatchObject({ conclusion: "neutral", output: { title: "History not fully scanned" } });
  } finally {
    world.github.amend = undefined;
  }
});

test("an ignore entry under any of the repository's salts counts, and of an unknown one does not", async () => {
  const { committedFingerprint, Secret } = await import("../../src/secret.ts");
  const { parseSalt } = await import("../../src/config/repository.ts");
  const [first, second, foreign] = [openRouterKey(), openRouterKey(), openRouterKey()];
  const form = (value: string, salt: string) => committedFingerprint(Secret.from(value), { tenant: [], salts: parseSalt(salt) });
  const entry = (fingerprint: string) => `  - { fingerprint: "${fingerprint}", reason: "used in the tutorial" }\n`;
  const own = await world.addRepository("salted", {
    files: {
      ".rekey/salt": `${salts.join("\n")}\n`,
      ".rekey/ignore.yml": `version: 1\nignore:\n${entry(form(first, salts[0] ?? ""))}${entry(form(second, salts[1] ?? ""))}${entry(form(foreign, randomBytes(32).toString("hex")))}`,
    },
  });
  const silenced = await own.propose("silenced", { "a.env": `KEY=${first}\n`, "b.env": `KEY=${second}\n` });
  expect(await concluded(own, silenced)).toMatchObject(clean);
  const unknown = await own.propose("unknown", { "c.env": `KEY=${foreign}\n` });
  expect(await concluded(own, unknown)).toMatchObject(red);
});

test.each<[string, (key: string) => Record<string, string | Uint8Array>, string]>([
  ["in an archive", (key) => ({ "backup.env.gz": gzipSync(`KEY=${key}\n`) }), "add a backup"],
  ["in a commit's message", () => ({ "note.md": "text\n" }), "message"],
])("a live key %s is read again where it leaked, and so seen alive", async (name, files, message) => {
  const key = world.provider.createKey(name).secret.reveal();
  const branch = name.replaceAll(/\W/g, "-");
  const said = message === "message" ? `Try it\n\nOPENROUTER_API_KEY=${key}` : message;
  const number = await repository.propose(branch, files(key), { message: said });
  expect(await concluded(repository, number)).toMatchObject(red);
  await until(
    "it was seen alive",
    () => repository.comment(number),
    (text) => text.includes("**live**"),
  );
});

test("a key that one commit adds and a force-push takes away stays on the check and in the comment", async () => {
  const number = await repository.propose("regret", { "regret.env": `KEY=${openRouterKey()}\n` });
  expect(await concluded(repository, number)).toMatchObject(red);
  const before = await repository.git("rev-parse", "HEAD");
  await repository.git("reset", "--quiet", "--hard", "main");
  await repository.commit("nothing happened", { "regret.md": "text\n" });
  await repository.push("regret", { force: true });
  expect(await concluded(repository, number)).toMatchObject(red);
  expect(repository.comment(number)).toContain(before.slice(0, 7));
});
