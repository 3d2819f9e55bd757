import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { permissions } from "../../src/github/permissions.ts";
import { rekey } from "./rekey.ts";

const file = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), "utf8");

test("docs/permissions.md is what the Apps, detectors and drivers say", () => {
  const { stdout } = rekey(".", ["permissions", "--format", "markdown"]);
  expect(file("docs/permissions.md"), "run rekey permissions --format markdown > docs/permissions.md").toBe(stdout);
});

test.each([
  ["Rekey", "app.yml"],
  ["Rekey Rotator", "rotator.yml"],
] as const)("the manifest of %s asks for exactly what is listed and not optional", (app, name) => {
  const { default_permissions: asked } = parse(file(name)) as { default_permissions: Record<string, string> };
  const listed = permissions.filter((one) => one.app === app && one.tier !== "optional").map((one) => [one.name, one.level]);
  expect(asked).toEqual(Object.fromEntries(listed));
});
