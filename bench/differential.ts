/**
 * `node bench/differential.ts [--sample megabytes] <repository>...`: docs/differential.md. Holds the fast scan of a history against
 * slower ones that cannot miss for the same reasons, and prints what differs.
 */
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { loadRuleset } from "../src/config/detectors.ts";
import type { Ruleset } from "../src/detector/compile.ts";
import type { Finding } from "../src/finding.ts";
import { readObjects } from "../src/git/cat-file.ts";
import { gitText } from "../src/git.ts";
import { matchBytes } from "../src/scan/match.ts";
import { scan } from "../src/scan/scan.ts";
import { scopeSalt } from "../src/secret.ts";
import { scanHistory } from "../src/source/history.ts";
import { WorkerPool } from "../src/source/worker-pool.ts";

export interface Difference {
  readonly blobs: number;
  readonly megabytes: number;
  /** Findings of the fast scan: packs, deltas, anchors, threads. */
  readonly findings: number;
  /** What reading every byte of every blob through git finds and the fast scan does not, and the other way round. */
  readonly missing: readonly string[];
  readonly extra: readonly string[];
  /** Blobs of the sample, and what running every pattern over all their bytes finds differently from the search by anchors. */
  readonly sampled: { readonly blobs: number; readonly megabytes: number; readonly matches: number; readonly differing: readonly string[] };
}

export async function differential(repository: string, ruleset: Ruleset, sample: number): Promise<Difference> {
  const keyring = { tenant: [scopeSalt("differential")], salts: [scopeSalt("differential")] };
  const options = { cwd: repository, scan: (document: Parameters<typeof scan>[0]) => scan(document, ruleset, keyring) };
  const fast = await scanHistory({ ...options, workers: () => new WorkerPool(ruleset) });
  const plain = await scanHistory({ ...options, packs: false });
  const [had, expected] = [fast, plain].map(({ findings }) => new Set(findings.map(described)));
  return {
    blobs: plain.stats.files,
    megabytes: plain.stats.bytes / 1e6,
    findings: fast.findings.length,
    missing: [...(expected ?? [])].filter((finding) => had?.has(finding) !== true),
    extra: [...(had ?? [])].filter((finding) => expected?.has(finding) !== true),
    sampled: await everyPattern(repository, ruleset, sample),
  };
}

/** No value, and nothing that one could be guessed from. */
function described({ detector, location, occurrences }: Finding): string {
  const { path = location.kind, startLine, endLine, pointer = "", commit = "" } = location;
  return `${detector} in ${path}:${startLine}-${endLine} ${pointer} at ${commit.slice(0, 12)}, ${occurrences} times`;
}

/** Blobs from all over the history, up to so many bytes, with every pattern over every byte of each. */
async function everyPattern(repository: string, ruleset: Ruleset, most: number): Promise<Difference["sampled"]> {
  const brute = bruteForce(ruleset);
  const listing = await gitText(
    ["cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objecttype) %(objectname) %(objectsize)"],
    { cwd: repository },
  );
  const blobs = listing.split("\n").flatMap((line) => {
    const [type, id = "", size] = line.split(" ");
    return type === "blob" && Number(size) < 400_000 ? [{ id, size: Number(size) }] : [];
  });
  const total = blobs.reduce((sum, { size }) => sum + size, 0);
  const step = Math.max(1, Math.ceil(total / most));
  // ids are hashes: in their order every n-th is a fair sample
  const chosen = blobs.toSorted((a, b) => (a.id < b.id ? -1 : 1)).filter((_, index) => index % step === 0);
  const differing: string[] = [];
  let [bytes, matches] = [0, 0];
  const ids = chosen.map(({ id }) => id);
  for await (const object of readObjects(repository, ids, { maxBytes: 400_000 })) {
    if (object.bytes === undefined) continue;
    const all = (rules: Ruleset) =>
      matchBytes(object.bytes ?? Buffer.alloc(0), rules).map(({ rule, start, end }) => `${rule.detector.id} at ${start}-${end}`);
    const [found, expected] = [all(ruleset), all(brute)];
    bytes += object.bytes.length;
    matches += expected.length;
    if (found.join() !== expected.join()) differing.push(`${object.id}: found ${found.join(", ")}; expected ${expected.join(", ")}`);
  }
  return { blobs: chosen.length, megabytes: bytes / 1e6, matches, differing };
}

/** The same detectors without anchors and windows. */
export function bruteForce(ruleset: Ruleset): Ruleset {
  const everywhere = ruleset.detectors.flatMap((rule) =>
    rule.patterns.map((pattern) => ({ rule, pattern: { ...pattern, back: 0, forward: Number.MAX_SAFE_INTEGER } })),
  );
  const hits = Uint32Array.from(everywhere.flatMap((_, user) => [user, 0]));
  const encoded = { runs: [], percent: false, escapes: false, joints: [] };
  const filter = { search: () => ({ hits, first: 0, count: everywhere.length, encoded }) };
  return { ...ruleset, filter, users: everywhere };
}

function page(results: readonly (readonly [string, Difference])[], detectors: number): string {
  const number = (value: number) => value.toLocaleString("en-US", { maximumFractionDigits: 0 });
  const rows = results.map(
    ([name, { blobs, megabytes, findings, missing, extra, sampled }]) =>
      `| ${name} | ${number(blobs)} | ${number(megabytes)} | ${findings} | ${missing.length} | ${extra.length} | ${number(sampled.blobs)} (${number(sampled.megabytes)} MB) | ${sampled.matches} | ${sampled.differing.length} |`,
  );
  const differences = results.flatMap(([name, { missing, extra, sampled }]) =>
    [...missing.map((one) => `missing: ${one}`), ...extra.map((one) => `extra: ${one}`), ...sampled.differing].map(
      (one) => `- ${name}: ${one}`,
    ),
  );
  return [
    "# The fast scan against the plain one",
    "",
    `Made by \`node bench/differential.ts <repositories>\`; ${detectors} detectors. *Missing* and *extra*: findings (detector, path, lines, commit,`,
    "number of blobs) of a scan that reads every byte of every blob through `git cat-file`, against those of our own pack reader, which",
    "searches what deltas add, on worker threads. *Sample*: blobs in which every pattern also ran over every byte, without anchors,",
    "checks and windows, and in how many of them the matches differ.",
    "",
    "| repository | blobs and messages | MB | findings | missing | extra | sample | matches in it | differing |",
    "|---|---|---|---|---|---|---|---|---|",
    ...rows,
    "",
    ...(differences.length === 0 ? ["Nothing differs."] : ["What differs:", "", ...differences]),
    "",
  ].join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values, positionals } = parseArgs({ options: { sample: { type: "string", default: "20" } }, allowPositionals: true });
  const ruleset = await loadRuleset();
  const results: [string, Difference][] = [];
  for (const repository of positionals) {
    const name = basename(repository) === "repo" ? basename(dirname(repository)) : basename(repository);
    results.push([name.replace("+", "/"), await differential(repository, ruleset, Number(values.sample) * 1e6)]);
  }
  process.stdout.write(page(results, ruleset.detectors.length));
}
