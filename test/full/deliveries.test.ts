import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const bench = fileURLToPath(new URL("../../bench/deliveries.ts", import.meta.url));

test("of 2,000 webhooks, with workers killed meanwhile, none is lost or acted on twice, and no forged one is taken", {
  timeout: 1_800_000,
}, () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bench, "--deliveries", "2000", "--repositories", "4"], {
    encoding: "utf8",
  });
  expect(`${stdout}${stderr}`).toContain("nothing lost, nothing twice, nothing forged accepted");
  expect(status).toBe(0);
});
