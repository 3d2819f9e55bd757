import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const leftOut = fileURLToPath(new URL("../../.cache/rekey/left-out", import.meta.url));

/**
 * Starts a real counterpart for a suite. In CI a missing one fails the suite (contracts.md §11). Elsewhere the answer is
 * `undefined`, for `describe.runIf`, and its name and reason stand in .cache/rekey/left-out/<name>, which `./rekey test` prints.
 */
export async function real<Server>(name: string, start: () => Promise<Server>): Promise<Server | undefined> {
  try {
    return await start();
  } catch (error) {
    if (process.env["CI"] === "true") throw error;
    leaveOut(name, (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "");
    return undefined;
  }
}

/** For servers that only the system can bring: whether it has one. Says that the suite is left out where it has not, also in CI. */
export function found(name: string, has: boolean): boolean {
  if (!has) leaveOut(name, "the system has no such server, and it does not come from npm or PyPI");
  return has;
}

function leaveOut(name: string, reason: string): void {
  mkdirSync(leftOut, { recursive: true });
  writeFileSync(`${leftOut}/${name}`, `${name} was left out: ${reason}\n`);
  console.warn(`${name} was left out: ${reason}`);
}
