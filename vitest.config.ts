import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

const full = process.env["REKEY_TEST_FULL"] === "1";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: full ? [] : ["test/full/**"],
    pool: "forks",
    // most of a test of the App is waiting: for a process to start, for GitHub's spacing of writes
    maxWorkers: availableParallelism() + 1,
    testTimeout: full ? 3_600_000 : 60_000,
    hookTimeout: 180_000,
    // Nobody's own settings leak into a test: no proxy, no home configuration, no inherited git or cloud identity.
    env: { NO_COLOR: "1", GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null", AWS_EC2_METADATA_DISABLED: "true" },
  },
});
