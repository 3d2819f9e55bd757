import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { seededRandom } from "../src/detector/template.ts";
import { git } from "../src/git.ts";

/**
 * A bare repository with a history like those of real ones: source files of the installed packages, then commits that change a few
 * lines of a few files each. The same files give the same repository.
 */
export async function generatedRepository(folder: string, { files, commits }: { files: number; commits: number }): Promise<void> {
  await git(["init", "--quiet", "--bare", "--initial-branch=main"], { cwd: folder });
  await git(["fast-import", "--quiet", "--depth=50"], { cwd: folder, input: stream(sources(files), commits) });
  await git(["repack", "-adfq", "--depth=50", "--window=10"], { cwd: folder });
}

function sources(count: number): string[][] {
  const found: string[][] = [];
  const pending = ["zod", "hono", "kysely", "commander", "yaml", "pg-boss", "probot"].map((name) => join("node_modules", name));
  for (let folder = pending.shift(); folder !== undefined && found.length < count; folder = pending.shift()) {
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) pending.push(path);
      else if (/\.(?:[cm]?[jt]s|md|json)$/.test(entry.name) && found.length < count) found.push(readFileSync(path, "utf8").split("\n"));
    }
  }
  return found;
}

function stream(files: string[][], commits: number): string {
  const random = seededRandom("history");
  const out: string[] = [];
  const write = (index: number) => {
    const text = (files[index] ?? []).join("\n");
    out.push(`M 100644 inline src/${index % 20}/file-${index}.ts\ndata ${Buffer.byteLength(text)}\n${text}\n`);
  };
  const commit = (number: number) => {
    const message = `change ${number}`;
    const author = `committer Bench <bench@example.org> ${1_700_000_000 + number * 600} +0000`;
    out.push(`commit refs/heads/main\n${author}\ndata ${message.length}\n${message}\n`);
  };
  commit(0);
  for (const index of files.keys()) write(index);
  for (let number = 1; number <= commits; number++) {
    commit(number);
    for (let changes = 1 + random(3); changes > 0; changes--) {
      const index = random(files.length);
      const lines = files[index] ?? [];
      const donor = files[random(files.length)] ?? [];
      const at = random(lines.length + 1);
      lines.splice(at, random(4), ...donor.slice(random(donor.length), random(donor.length) + 1).slice(0, 6));
      write(index);
    }
  }
  return out.join("");
}
