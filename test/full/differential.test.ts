import { basename } from "node:path";
import { expect, test } from "vitest";
import { generatedRepository } from "../../bench/corpus.ts";
import { differential } from "../../bench/differential.ts";
import { loadRuleset } from "../../src/config/detectors.ts";
import { temporaryFolder } from "../source/repository.ts";

/** Clones with long histories, separated by `:`; without them a generated history stands alone. */
const clones = (process.env["REKEY_DIFFERENTIAL"] ?? "").split(":").filter((path) => path !== "");

test.each(["", ...clones].map((path) => [path === "" ? "a generated history" : basename(path), path]))(
  "the fast scan of %s finds what reading every byte finds",
  async (_, path) => {
    const folder = path === "" ? temporaryFolder() : path;
    if (path === "") await generatedRepository(folder, { files: 200, commits: 2000 });
    const { missing, extra, sampled } = await differential(folder, await loadRuleset(), 20e6);
    expect({ missing, extra, differing: sampled.differing }).toEqual({ missing: [], extra: [], differing: [] });
    expect(sampled.blobs).toBeGreaterThan(50);
  },
);
