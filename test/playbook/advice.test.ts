import { expect, test } from "vitest";
import { renderPlan } from "../../src/playbook/render.ts";
import { anthropic } from "../../src/provider/anthropic.ts";
import { openrouter } from "../../src/provider/openrouter.ts";
import { planOf } from "../rotation/rig.ts";

test("the plan of a key that federation would make needless says so, with the page; any other says nothing of it", () => {
  const plan = planOf("apikey_1", { mode: "contain-first", consumers: "none" }, "anthropic-key", anthropic);
  expect(renderPlan(plan)).toContain(
    "  for good   replace the key by workload identity federation, where no long-lived key exists: https://platform.claude.com/docs/en/api/workload-identity-federation",
  );
  expect(renderPlan(planOf("hash", {}, "openrouter-key", openrouter))).not.toContain("for good");
});
