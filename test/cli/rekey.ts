import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { fileURLToPath } from "node:url";
import { expandTemplate } from "../../src/detector/template.ts";

const cli = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));

/** Runs the real command line, with a key ring of its own. */
export function rekey(cwd: string, args: readonly string[], options: { input?: string; env?: Record<string, string> } = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    cwd,
    encoding: "utf8",
    input: options.input ?? "",
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: "/nonexistent",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_CONFIG_NOSYSTEM: "1",
      REKEY_FINGERPRINT_KEY: "5a".repeat(32),
      ...options.env,
    },
  });
  return { status, stdout, stderr, json: () => JSON.parse(stdout) };
}

/** A fresh OpenRouter key: a type with a prefix, found anywhere. */
export function openRouterKey(): string {
  return expandTemplate("sk-or-v1-{hex:64}", (below) => randomInt(below));
}
