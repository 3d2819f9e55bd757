import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { hookEnvironment } from "../../config/git-environment.ts";
import { UsageError } from "../../errors.ts";
import { absolute } from "../surroundings.ts";
import { commonFolder } from "./git.ts";

/** One use of `REKEY_ALLOW` or of the push option, a line of `<git folder>/rekey/overrides.jsonl`. */
export interface Override {
  readonly hook: string;
  readonly reason: string;
  /** Ids of what was let through. */
  readonly findings: readonly string[];
}

/** A reason that says something. Throws UsageError where it does not. */
export function reasonOf(text: string | undefined): string | undefined {
  if (text === undefined || text === "") return undefined;
  const reason = text.trim().slice(0, 200);
  if (reason.length < 3) throw new UsageError(`expected a reason that a colleague understands, got '${reason}'`);
  return reason;
}

export async function recordOverride(override: Override): Promise<void> {
  const file = await overrideFile();
  mkdirSync(dirname(file), { recursive: true });
  appendFileSync(file, `${JSON.stringify({ time: new Date().toISOString(), ...override })}\n`, { mode: 0o600 });
}

/** The last ones, newest last. */
export async function overrides(): Promise<(Override & { time: string })[]> {
  try {
    const lines = readFileSync(await overrideFile(), "utf8")
      .trim()
      .split("\n")
      .slice(-10);
    return lines.filter(Boolean).map((line) => JSON.parse(line) as Override & { time: string });
  } catch {
    return []; // none was used yet
  }
}

async function overrideFile(): Promise<string> {
  return join(await commonFolder(process.cwd(), absolute(hookEnvironment())), "rekey/overrides.jsonl");
}
