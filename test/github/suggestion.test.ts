import { afterAll, beforeAll, expect, test } from "vitest";
import { noteBody } from "../../src/github/publish.ts";
import { openRouterKey } from "./keys.ts";
import { type AppWorld, concluded, startApp, until, type WorkingRepository } from "./world.ts";

let world: AppWorld;
let repository: WorkingRepository;

beforeAll(async () => {
  world = await startApp();
  repository = await world.addRepository("app", { files: { "README.md": "text\n" } });
}, 60_000);
afterAll(() => world.stop());

async function notes(number: number): Promise<string[]> {
  const read = async () =>
    world.github.state.reviews.find(({ pull, repository: of }) => pull === number && of === repository.repository.id);
  const review = await until("the review", read, (found) => found !== undefined);
  return (review?.comments ?? []).map(({ path, line, body }) => `${path}:${line}\n${body}`);
}

test("the note on a line suggests the new line and nothing of the old value", { timeout: 60_000 }, async () => {
  const [a, b] = [openRouterKey(), openRouterKey()];
  const number = await repository.propose("keys", {
    ".mcp.json": `{\n  "mcpServers": {\n    "s": { "command": "x", "env": { "OPENROUTER_API_KEY": "${a}" } }\n  }\n}\n`,
    "bot.py": `from x import y\nclient = y("${b}")\n`,
  });
  await concluded(repository, number);
  const written = await notes(number);
  expect(written).toHaveLength(2);
  const [python, config] = written.toSorted((one, other) => (one.startsWith("bot") ? -1 : other.startsWith("bot") ? 1 : 0));
  expect(config).toContain(
    `\`\`\`suggestion\n    "s": { "command": "x", "env": { "OPENROUTER_API_KEY": "\${OPENROUTER_API_KEY}" } }\n\`\`\`\n`,
  );
  expect(python).not.toContain("```suggestion"); // another line changes too: the import
  expect(python).toContain('Write `os.environ["OPENROUTER_API_KEY"]` instead; `rekey fix` does it.');
  for (const value of [a, b]) for (const text of written) expect(text).not.toContain(value.slice(9, 25));
});

test("two keys of one type in one file become two variables", { timeout: 60_000 }, async () => {
  const number = await repository.propose("pair", { "a.ts": `const a = "${openRouterKey()}";\nconst b = "${openRouterKey()}";\n` });
  await concluded(repository, number);
  const written = (await notes(number)).toSorted();
  expect(written[0]).toContain("```suggestion\nconst a = process.env.OPENROUTER_API_KEY;\n```");
  expect(written[1]).toContain("```suggestion\nconst b = process.env.OPENROUTER_API_KEY_2;\n```");
});

test("a line with a second value that cannot be repaired has no suggestion", { timeout: 60_000 }, async () => {
  const [a, b] = [openRouterKey(), openRouterKey()];
  const number = await repository.propose("two", { "a.ts": `const a = "${a}"; // ${b}\n` });
  await concluded(repository, number);
  for (const text of await notes(number)) {
    expect(text).not.toContain("```suggestion");
    expect(text).not.toContain(a.slice(9, 25));
    expect(text).not.toContain(b.slice(9, 25));
  }
});

test("text of the file stays inside the suggestion's fence, and a reason stays text", () => {
  expect(noteBody("RK-1", { suggestion: ["a = `x` ```` b"], next: ["[click](https://h)"] })).toContain(
    "`````suggestion\na = `x` ```` b\n`````\n",
  );
  expect(noteBody("RK-1", { suggestion: ["a"], next: ["[click](https://h) @mara"] })).not.toContain("[click](https://h)");
  expect(noteBody("RK-1", { none: "a **b**" })).toContain("a \\*\\*b\\*\\*");
});
