import { spawnSync } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { expandTemplate, seededRandom } from "../../src/detector/template.ts";
import { temporaryFolder } from "../source/repository.ts";

test("a file of one line and 1 GB is scanned to its end in bounded memory", () => {
  const folder = temporaryFolder();
  const file = openSync(join(folder, "line.json"), "w");
  const filler = Buffer.from('{"name":"value","list":[1,2,3],"text":"some words of a sentence"},'.repeat(1 << 14));
  const key = expandTemplate("sk-ant-api03-{b64url:93}AA", seededRandom("a large file"));
  for (let written = 0; written < 1 << 30; written += filler.length) writeSync(file, filler);
  writeSync(file, `{"ANTHROPIC_API_KEY":"${key}"}`);
  closeSync(file);
  const cli = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));
  const script = `process.argv = [process.argv[0], ${JSON.stringify(cli)}, "scan", "--format", "json", ${JSON.stringify(folder)}];
    process.on("exit", () => process.stderr.write(String(process.resourceUsage().maxRSS)));
    await import(${JSON.stringify(cli)});`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  expect(status).toBe(1);
  const { findings, stats } = JSON.parse(stdout);
  expect(findings.map(({ location }: { location: { path: string; startLine: number } }) => [location.path, location.startLine])).toEqual([
    ["line.json", 1],
  ]);
  expect(findings[0].location.startColumn).toBeGreaterThan(1 << 30);
  expect(stats.complete).toBe(true);
  expect(Number(stderr)).toBeLessThan(512 * 1024);
});
