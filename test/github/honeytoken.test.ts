import { afterAll, beforeAll, expect, test } from "vitest";
import { type AppWorld, concluded, startApp, until } from "./world.ts";

let world: AppWorld;

beforeAll(async () => {
  world = await startApp();
}, 60_000);
afterAll(() => world.stop());

const declared = (more: string) =>
  `version: 1\nidentities:\n  - { kind: agent, name: bot, credentials: [ { detector: openrouter-api-key${more} } ] }\n`;

test("a declared honeytoken is never sent to its provider, and the comment says what it is; any other key is tried", {
  timeout: 60_000,
}, async () => {
  const validities: Record<string, string | undefined> = {};
  const seen = new Set<string>();
  for (const [name, more] of [
    ["bait", ", honeytoken: true"],
    ["plain", ""],
  ] as const) {
    const { secret } = world.provider.createKey(name);
    const repository = await world.addRepository(name, { files: { ".rekey/identities.yml": declared(more) } });
    const number = await repository.propose("leak", { "a.env": `OPENROUTER_API_KEY=${secret.reveal()}\n` });
    await concluded(repository, number);
    const incident = (await world.incidents()).find(({ id }) => !seen.has(id));
    seen.add(incident?.id ?? "");
    validities[name] = incident?.validity;
    if (name === "bait")
      await until(
        "the comment",
        () => repository.comment(number),
        (text) => text.includes("agent bot, which this may be"),
      );
  }
  expect(validities).toEqual({ bait: "unknown", plain: "active" });
});
