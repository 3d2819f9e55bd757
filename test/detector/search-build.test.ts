import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../source/repository.ts";

test("search-code.ts is what its source builds", () => {
  const built = join(temporaryFolder(), "search-code.ts");
  execFileSync(process.execPath, ["src/detector/assembly/build.mjs", built]);
  expect(readFileSync(built, "utf8")).toBe(readFileSync("src/detector/search-code.ts", "utf8"));
}, 60_000);
