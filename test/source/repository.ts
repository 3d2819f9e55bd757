import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";

/** A real git repository in a folder that is gone after the test. Commits get rising dates, one minute apart. */
export interface TestRepository {
  readonly path: string;
  git(...args: string[]): string;
  write(path: string, content: string | Uint8Array): void;
  remove(path: string): void;
  /** Writes files, stages everything, commits; gives the commit's id. */
  commit(message: string, files?: Readonly<Record<string, string | Uint8Array>>): string;
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "rekey-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function repository(...init: string[]): TestRepository {
  const path = temporaryFolder();
  let minute = 0;
  const git = (...args: string[]) =>
    execFileSync("git", args, {
      cwd: path,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...environment, ...dates(minute) },
    });
  const write = (name: string, content: string | Uint8Array) => {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), content);
  };
  git("init", "--quiet", "--initial-branch=main", ...init);
  return {
    path,
    git,
    write,
    remove: (name) => rmSync(join(path, name)),
    commit(message, files = {}) {
      for (const [name, content] of Object.entries(files)) write(name, content);
      minute++;
      git("add", "--all");
      git("commit", "--quiet", "--allow-empty", "--allow-empty-message", "-m", message);
      return git("rev-parse", "HEAD").trim();
    },
  };
}

/** The committer date of the n-th commit of a test repository, from 1. */
export function dateOf(commit: number): string {
  return new Date(start + commit * 60_000).toISOString().replace(".000Z", "Z");
}

const start = Date.UTC(2026, 0, 2, 3, 0, 0);

function dates(minute: number): Record<string, string> {
  return { GIT_AUTHOR_DATE: dateOf(minute), GIT_COMMITTER_DATE: dateOf(minute) };
}

export const environment = {
  PATH: process.env["PATH"] ?? "",
  HOME: "/nonexistent",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "Dana Dev",
  GIT_AUTHOR_EMAIL: "dana@example.org",
  GIT_COMMITTER_NAME: "Dana Dev",
  GIT_COMMITTER_EMAIL: "dana@example.org",
};
