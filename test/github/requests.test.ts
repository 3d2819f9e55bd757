import { randomInt } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { expandTemplate } from "../../src/detector/template.ts";
import { detectorFile } from "../scan/rules.ts";
import { openRouterKey } from "./keys.ts";
import { type AppWorld, concluded, startApp, until, type WorkingRepository } from "./world.ts";

let world: AppWorld;
let repository: WorkingRepository;

beforeAll(async () => {
  world = await startApp({ policy: "rollout: block" });
  repository = await world.addRepository("app");
}, 60_000);
afterAll(() => world.stop());

const says = (number: number, text: string) =>
  until(
    `the comment says "${text}"`,
    () => repository.comment(number),
    (body) => body.includes(text),
  );

test("an inline allow in a head is a request: neutral and named, until somebody of the security team decides", async () => {
  const number = await repository.propose("inline", { "sample.env": `KEY=${openRouterKey()} # rekey:allow an example for the docs\n` });
  const check = await concluded(repository, number);
  expect(check).toMatchObject({ conclusion: "neutral", output: { title: "A request to silence a finding waits" } });
  expect(check.output.summary).toContain("silencing requested (inline)");
  const body = await says(number, "asks to silence it (inline)");
  expect(body).not.toContain("an example for the docs");
  const id = /RK-\w+/.exec(body)?.[0] ?? "";

  await repository.api(world.dev, "POST", `/issues/${number}/comments`, { body: `/rekey false-positive ${id} "an example"` });
  await says(number, "Somebody of the security team must decide that (mara)");
  expect((await concluded(repository, number)).conclusion).toBe("neutral");
  await repository.api(world.mara, "POST", `/issues/${number}/comments`, { body: `/rekey false-positive ${id} "an example"` });
  await until(
    "the check is green",
    () => repository.checks(number).at(-1)?.conclusion,
    (conclusion) => conclusion === "success",
  );
});

test("no request silences a key that was seen alive", async () => {
  const live = world.provider.createKey("live").secret.reveal();
  const number = await repository.propose("alive", { "live.env": `KEY=${live} # rekey:allow trust me\n` });
  expect(await concluded(repository, number)).toMatchObject({ conclusion: "action_required" });
  await says(number, "a key that was seen alive is never silenced");
});

test("new entries of an ignore file in a head silence nothing by themselves, also where nothing else is in it", async () => {
  const entry = 'version: 1\nignore:\n  - { paths: ["**"], reason: "everything is fine" }\n';
  const number = await repository.propose("rules", { ".rekey/ignore.yml": entry, "key.env": `KEY=${openRouterKey()}\n` });
  expect(await concluded(repository, number)).toMatchObject({ conclusion: "neutral" });
  await says(number, "asks to silence it (ignore-file)");

  const alone = await repository.propose("rules-alone", { ".rekey/ignore.yml": entry });
  const check = await concluded(repository, alone);
  expect(check).toMatchObject({ conclusion: "neutral", output: { title: "A request to silence findings waits" } });
  expect(check.output.summary).toContain("`.rekey/ignore.yml`: 1 new entry");
  expect(check.output.summary).not.toContain("everything is fine");
  await repository.api(world.mara, "POST", `/issues/${alone}/comments`, { body: '/rekey accept "reviewed" --until 2027-12-31' });
  await until(
    "the check is green",
    () => repository.checks(alone).at(-1)?.conclusion,
    (conclusion) => conclusion === "success",
  );
  // a further entry is a further request
  await repository.commit("more", { ".rekey/ignore.yml": `${entry}  - { paths: ["x/**"], reason: "and this" }\n` });
  await repository.push("rules-alone");
  expect(await concluded(repository, alone)).toMatchObject({ conclusion: "neutral" });
});

test("a rule file of the default branch that is not valid silences nothing, and the check names file and line", async () => {
  const own = await world.addRepository("broken", { files: { ".rekey/ignore.yml": "version: 1\nignore:\n  - { path: x }\n" } });
  const number = await own.propose("harmless", { "a.md": "text\n" });
  const check = await concluded(own, number);
  expect(check).toMatchObject({ conclusion: "neutral", output: { title: "Configuration not valid" } });
  expect(check.output.summary).toMatch(/ignore.yml:\d/);
});

test("a repository's own detectors count from the default branch only, and broken ones are said", async () => {
  const detectors = { ".rekey/detectors/acme.yml": detectorFile("token: 'acme_{lowernum:30}'") };
  const value = () => expandTemplate("acme_{lowernum:30}", (below) => randomInt(below));
  const own = await world.addRepository("own-detectors", { files: detectors });
  expect(await concluded(own, await own.propose("leak", { "a.env": `KEY=${value()}\n` }))).toMatchObject({ conclusion: "action_required" });
  const other = await world.addRepository("no-detectors", { files: { "a.md": "text\n" } });
  const brought = await other.propose("brings-its-own", { ...detectors, "a.env": `KEY=${value()}\n` });
  expect(await concluded(other, brought)).toMatchObject({ conclusion: "success" });
  const broken = await world.addRepository("broken-detectors", { files: { ".rekey/detectors/acme.yml": "provider: acme\n" } });
  const check = await concluded(broken, await broken.propose("harmless", { "a.md": "text\n" }));
  expect(check).toMatchObject({ conclusion: "neutral" });
  expect(check.output.summary).toMatch(/acme.yml:\d/);
});
