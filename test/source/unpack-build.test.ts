import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "./repository.ts";

test("unpack.wasm is what its source builds", () => {
  const built = join(temporaryFolder(), "unpack.wasm");
  const folder = "src/source/pack/assembly";
  const asc = "node_modules/assemblyscript/bin/asc.js";
  execFileSync(process.execPath, [asc, "--config", `${folder}/asconfig.json`, `${folder}/unpack.ts`, "--outFile", built]);
  expect(readFileSync(built).equals(readFileSync("src/source/pack/unpack.wasm"))).toBe(true);
}, 60_000);
