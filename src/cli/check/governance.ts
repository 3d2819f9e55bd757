import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ConfigError } from "../../errors.ts";
import { type ControlCell, type ControlGap, controlCells, controlGaps, controlsPath, parseControls } from "../../governance/controls.ts";
import type { Coverage } from "../../governance/coverage.ts";
import { coverageText } from "../../report/coverage-text.ts";
import { askOwner, runningServer } from "../state.ts";

/**
 * `rekey check governance [folder]`: who owns which control, and with `--server` which identities no source of the running server covers.
 * Gives back the exit code: 0 no gap, 1 gaps.
 */
export async function checkGovernance(
  folder: string,
  { format, server, data }: { format: string; server: boolean; data: string | undefined },
): Promise<number> {
  const path = join(resolve(folder), controlsPath);
  const text = read(path);
  const file = text === undefined ? undefined : parseControls(text);
  const [cells, gaps] = [controlCells(file), controlGaps(file)];
  const coverage = server
    ? ((await askOwner(await runningServer(data, "what sources cover is known"), "/api/v1/coverage")) as Coverage)
    : undefined;
  const uncovered =
    coverage === undefined ? 0 : coverage.uncovered.length + coverage.sources.filter(({ needs }) => needs !== undefined).length;
  if (format === "json")
    process.stdout.write(
      `${JSON.stringify({ version: 1, file: text === undefined ? null : controlsPath, controls: cells, gaps, ...(coverage === undefined ? {} : { coverage }) }, null, 2)}\n`,
    );
  else
    process.stdout.write(`${controlsText(text !== undefined, cells, gaps)}${coverage === undefined ? "" : `\n${coverageText(coverage)}`}`);
  return gaps.length + uncovered === 0 ? 0 : 1;
}

function controlsText(written: boolean, cells: readonly ControlCell[], gaps: readonly ControlGap[]): string {
  const head = written ? [] : [`${controlsPath} is not there: it says who owns which control (docs/governance.md)`];
  const owned = cells.flatMap(({ control, phase, owner, backup, none }) =>
    owner === undefined && none === undefined
      ? []
      : [`${control}, ${phase}: ${owner ?? `nobody, because ${none}`}${backup === undefined ? "" : `, then ${backup}`}`],
  );
  const count = gaps.length === 1 ? "1 gap" : `${gaps.length} gaps`;
  return [...head, ...owned, ...gaps.map(({ sentence }) => `gap: ${sentence}`), count]
    .map((line) => `${line.replaceAll(/[\p{Cc}\p{Cf}]/gu, " ")}\n`)
    .join("");
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw new ConfigError("cannot be read", { file: path, cause });
  }
}
