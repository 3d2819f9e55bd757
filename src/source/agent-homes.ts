import { type Dirent, lstatSync, readdirSync, realpathSync, statSync } from "node:fs";
import { join, posix } from "node:path";
import picomatch from "picomatch";
import { clients } from "../agent-config/index.ts";
import type { Finding } from "../finding.ts";
import { type Result, type ScannerOptions, Tally } from "./scanner.ts";
import { scanFile, type TreeOptions } from "./tree.ts";

/** Where things are on this machine. Folders are absolute, with `/`. */
export interface Machine {
  readonly home: string;
  readonly platform: NodeJS.Platform;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** A client that has files on this machine. */
export interface FoundClient {
  readonly client: string;
  readonly agent: string;
  readonly files: number;
}

/** Files of one client, at most; what is more is reported. */
const mostFiles = 50_000;
/** Folders below the fixed part of a glob, at most. */
const deepest = 12;

/**
 * Scans what agent clients keep for a person: configuration, credentials, transcripts. Reads only, starts and contacts nothing. Paths
 * of the findings count from the home folder; those outside it are absolute. A configuration that is a link is read where it leads.
 */
export function scanAgentHomes(
  machine: Machine,
  options: ScannerOptions & Pick<TreeOptions, "onFile">,
): Result & { clients: FoundClient[] } {
  const tally = new Tally(options);
  const [findings, found, seen]: [Finding[], FoundClient[], Set<string>] = [[], [], new Set()];
  for (const { id, agent, home = [] } of clients) {
    let files = 0;
    for (const path of home.flatMap((glob) => filesOf(located(glob, machine), tally))) {
      if (seen.has(path)) continue;
      seen.add(path);
      if (++files > mostFiles) {
        tally.skip(labelOf(path, machine), `more than ${mostFiles} files of ${agent}: the rest was not read`, true);
        break;
      }
      findings.push(...scanOne(path, labelOf(path, machine), options, tally));
    }
    if (files > 0) found.push({ client: id, agent, files: Math.min(files, mostFiles) });
  }
  return { findings, stats: tally.stats(), clients: found };
}

function scanOne(path: string, label: string, options: ScannerOptions & Pick<TreeOptions, "onFile">, tally: Tally): Finding[] {
  if (/\.(?:db|vscdb|sqlite3?)$/i.test(path))
    tally.skip(label, "a database: its bytes were searched, not its rows; a value that is cut by a page is not seen", false);
  let real: string;
  try {
    real = realpathSync(path);
  } catch {
    tally.skip(label, "symbolic link that leads nowhere or in a circle", false);
    return [];
  }
  return scanFile(real, label, options, tally);
}

/** A glob with absolute folders; on a machine that has no such place, none. */
function located(glob: string, { home, platform, environment }: Machine): string | undefined {
  const folder = (variable: string, otherwise: string) => slashed(environment[variable] || otherwise);
  if (/^[A-Z]:/.test(glob)) return platform === "win32" ? glob : undefined;
  if (glob.startsWith("/Library/")) return platform === "darwin" ? glob : undefined;
  if (glob.startsWith("/")) return platform === "win32" ? undefined : glob;
  const config =
    platform === "darwin"
      ? `${home}/Library/Application Support`
      : platform === "win32"
        ? folder("APPDATA", `${home}/AppData/Roaming`)
        : folder("XDG_CONFIG_HOME", `${home}/.config`);
  const data = folder("XDG_DATA_HOME", `${home}/.local/share`);
  return glob
    .replace(/^~/, () => home)
    .replace(/^\{config\}/, () => config)
    .replace(/^\{data\}/, () => data)
    .replace(/^\{claude\}/, () => folder("CLAUDE_CONFIG_DIR", `${home}/.claude`))
    .replace(/^\{codex\}/, () => folder("CODEX_HOME", `${home}/.codex`));
}

function slashed(path: string): string {
  return path.replaceAll("\\", "/");
}

/** Files below the fixed part of a glob that fit the rest, in a fixed order. Folders that are links are not entered. */
function filesOf(glob: string | undefined, tally: Tally): string[] {
  if (glob === undefined) return [];
  const parts = glob.split("/");
  const fixed = parts.findIndex((part) => /[*{]/.test(part));
  if (fixed === -1) return statSync(glob, { throwIfNoEntry: false })?.isFile() ? [glob] : [];
  const root = parts.slice(0, fixed).join("/") || "/";
  const fits = picomatch(parts.slice(fixed).join("/"), { dot: true });
  const depth = glob.includes("**") ? deepest : parts.length - fixed;
  return [...below(root, "", depth, tally)].filter((path) => fits(path)).map((path) => posix.join(root, path));
}

function* below(root: string, folder: string, depth: number, tally: Tally): Generator<string> {
  let entries: Dirent[];
  try {
    entries = readdirSync(join(root, folder), { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code !== "ENOENT" && code !== "ENOTDIR") tally.skip(posix.join(root, folder), `folder cannot be read: ${code}`, true);
    return;
  }
  for (const entry of entries) {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      if (depth > 1) yield* below(root, path, depth - 1, tally);
    } else if (entry.isFile() || (entry.isSymbolicLink() && isFile(join(root, path)))) yield path;
  }
}

function isFile(link: string): boolean {
  return lstatSync(link, { throwIfNoEntry: false }) !== undefined && statSync(link, { throwIfNoEntry: false })?.isFile() === true;
}

function labelOf(path: string, { home }: Machine): string {
  return path.startsWith(`${home}/`) ? path.slice(home.length + 1) : path;
}
