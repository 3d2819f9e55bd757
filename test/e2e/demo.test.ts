import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test as always, expect } from "vitest";
import { ensureOpenBao } from "../../src/stand-in/openbao.ts";
import { real } from "../servers/real.ts";

const test = always.runIf((await real("OpenBao", () => ensureOpenBao())) !== undefined);

const cli = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));

test("a leaked key in a pull request goes from push to verified dead without a failed call", { timeout: 180_000 }, () => {
  const { stdout, stderr, status } = spawnSync(process.execPath, [cli, "demo", "--exit", "--json"], { encoding: "utf8", timeout: 170_000 });
  expect(status, stderr).toBe(0);
  const result = JSON.parse(stdout);
  expect(result).toMatchObject({
    incident: expect.stringMatching(/^RK-/),
    identity: { kind: "agent", name: "triage-agent", owner: "@mara" },
    checkConclusion: "success",
    consumer: { failed: 0 },
  });
  expect(result.consumer.calls).toBeGreaterThan(0);
  const { exposed, detected, replaced, revoked, dead } = result.timeline;
  expect([exposed, detected, replaced, revoked, dead]).toEqual([exposed, detected, replaced, revoked, dead].toSorted());
  expect(result.secondsToDead).toBeCloseTo((Date.parse(dead) - Date.parse(detected)) / 1000, 3);
  expect(result.comment).toContain("**verified dead**");
});
