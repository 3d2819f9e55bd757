import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const cli = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));

test("a worker without a PostgreSQL says what it needs", () => {
  const folder = mkdtempSync(join(tmpdir(), "rekey-worker-"));
  const file = join(folder, "rekey.yml");
  writeFileSync(file, "connections: {}\n");
  try {
    const { status, stderr } = spawnSync(process.execPath, [cli, "worker", "--config", file], { encoding: "utf8" });
    expect(status).toBe(2);
    expect(stderr).toContain(
      "expected database.url, got none; the embedded database belongs to one process, so a worker needs a PostgreSQL",
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
