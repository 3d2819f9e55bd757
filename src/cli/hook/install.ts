import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../../errors.ts";
import { printable } from "../../report/text.ts";
import { overrides } from "./override.ts";

const names = ["pre-commit", "pre-push"] as const;
type Name = (typeof names)[number];

/** In the second line of our hooks, so that they are recognised, also those of an older Rekey. */
const mark = "# Written by rekey hook install";
const kept = "before-rekey";

const cli = fileURLToPath(new URL("../../start.js", import.meta.url));

export function install(): void {
  const folder = hooksFolder();
  mkdirSync(folder, { recursive: true });
  for (const name of names) {
    const file = join(folder, name);
    const before = `${file}.${kept}`;
    const chained = existsSync(file) && !isOurs(file);
    if (chained) {
      if (existsSync(before)) throw new UsageError(`both '${file}' and '${before}' exist; remove the one that is not needed`);
      renameSync(file, before);
    }
    writeFileSync(file, script(name), { mode: 0o755 });
    chmodSync(file, 0o755); // also where the file existed
    process.stdout.write(`${file} installed${existsSync(before) ? `; ${name}.${kept}, which was there before, runs first` : ""}\n`);
  }
}

export async function status(): Promise<void> {
  const folder = hooksFolder();
  for (const name of names) {
    const file = join(folder, name);
    const state = !existsSync(file)
      ? "not installed"
      : !isOurs(file)
        ? "another hook, without rekey"
        : readFileSync(file, "utf8") === script(name)
          ? `installed${existsSync(`${file}.${kept}`) ? `, runs ${name}.${kept} first` : ""}`
          : "installed by another version or at another place; run rekey hook install again";
    process.stdout.write(`${name.padEnd(12)}  ${state}\n`);
  }
  process.stdout.write(`${"folder".padEnd(12)}  ${folder}\n`);
  for (const { time, hook, reason, findings } of await overrides())
    process.stdout.write(`${"override".padEnd(12)}  ${time}  ${hook}  ${findings.join(" ")}  ${printable(reason)}\n`);
}

export function uninstall(): void {
  const folder = hooksFolder();
  for (const name of names) {
    const file = join(folder, name);
    if (!existsSync(file) || !isOurs(file)) {
      process.stdout.write(`${file}: no hook of rekey\n`);
      continue;
    }
    rmSync(file);
    const back = existsSync(`${file}.${kept}`);
    if (back) renameSync(`${file}.${kept}`, file);
    process.stdout.write(`${file} removed${back ? "; what was there before is back" : ""}\n`);
  }
}

function isOurs(file: string): boolean {
  return readFileSync(file, "utf8").split("\n", 2)[1]?.startsWith(mark) === true;
}

/** A hook whose Rekey is gone says so and lets the work go on: it must not lock anybody out of a repository. */
function script(name: Name): string {
  const feed = name === "pre-push";
  const chain = feed
    ? `if [ -x "$0.${kept}" ]; then printf '%s' "$input" | "$0.${kept}" "$@" || exit $?; fi`
    : `if [ -x "$0.${kept}" ]; then "$0.${kept}" "$@" || exit $?; fi`;
  const run = `${quoted(process.execPath)} ${quoted(cli)} hook ${name} "$@"`;
  return [
    "#!/bin/sh",
    `${mark}; remove it with rekey hook uninstall`,
    // command substitution drops the last line end; a dot keeps it
    ...(feed ? ["input=$(cat; printf .)", `input=\${input%.}`] : []),
    chain,
    `if [ ! -x ${quoted(process.execPath)} ] || [ ! -f ${quoted(cli)} ]; then`,
    `  echo "rekey: not found where it was when this hook was installed; ${name} goes on without a scan. Run rekey hook install again" >&2`,
    "  exit 0",
    "fi",
    feed ? `printf '%s' "$input" | ${run}` : `exec ${run}`,
    "",
  ].join("\n");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** As git itself finds it, with the person's own configuration: core.hooksPath, work trees, GIT_DIR. */
function hooksFolder(): string {
  const { status: code, stdout } = spawnSync("git", ["rev-parse", "--git-path", "hooks"], { encoding: "utf8" });
  if (code !== 0) throw new UsageError("expected a git repository here; change into one, or run git init");
  return resolve(stdout.trimEnd());
}
