/**
 * Recall and precision of the built-in detectors, on text made here: `node bench/quality.ts [folder of clean files]`.
 * Values follow each detector's own template or example, but stand in host files and under names that the detector files do not
 * show. Near misses of the same values (whatever finds one counts) and a tree of other people's code measure precision. No value is
 * ever printed.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { loadRuleset } from "../src/config/detectors.ts";
import { expandExample } from "../src/detector/check.ts";
import type { CompiledDetector, Ruleset } from "../src/detector/compile.ts";
import { expandTemplate, parseTemplate, seededRandom } from "../src/detector/template.ts";
import { scan } from "../src/scan/scan.ts";
import { fingerprintKey, type Keyring, scopeSalt } from "../src/secret.ts";
import { hosts } from "./quality-hosts.ts";

interface Tally {
  planted: number;
  found: number;
  typed: number;
  extra: number;
  nearMisses: number;
  nearMissHits: number;
}

const keyring: Keyring = { tenant: [fingerprintKey(Buffer.alloc(32, 7))], salts: [scopeSalt("bench")] };
const folder = process.argv[2] ?? join(import.meta.dirname, "../node_modules");

const ruleset = await loadRuleset();
const missed = new Map<string, string[]>();
const wrong = new Map<string, string[]>();
const flagged = new Map<string, string[]>();
const tally: Tally = { planted: 0, found: 0, typed: 0, extra: 0, nearMisses: 0, nearMissHits: 0 };
for (const rule of ruleset.detectors) measure(rule);
report(tally, cleanTree(folder, ruleset));

/** One round for each way in which the value is written and each host file. */
function measure(rule: CompiledDetector): void {
  for (const sample of samples(rule)) {
    for (const host of sample.name === undefined ? hosts.slice(0, 1) : hosts) {
      const seed = `${rule.detector.id}/${sample.key}/${host.path}`;
      const { text, secret } = expandExample(sample.text, seed);
      const document = sample.name === undefined ? { path: "notes.txt", text } : { path: host.path, text: host.write(sample.name, text) };
      const value = secret ?? text;
      const hits = findings(document.path, document.text);
      const own = hits.filter((hit) => hit.value === value);
      tally.planted++;
      if (own.length > 0) tally.found++;
      else note(missed, rule.provider, `${rule.detector.id} in ${host.path}`);
      if (own.some(({ ids }) => ids.includes(rule.detector.id))) tally.typed++;
      else if (own.length > 0)
        note(wrong, rule.provider, `${rule.detector.id} in ${host.path}: ${own.flatMap(({ ids }) => ids).join(", ")}`);
      tally.extra += hits.filter((hit) => hit.value !== value && !value.includes(hit.value) && !hit.value.includes(value)).length;
      if (sample.name === undefined) continue;
      for (const [kind, near] of nearMisses(sample, text, seed)) {
        tally.nearMisses++;
        const claims = findings(host.path, host.write(sample.name, near)).filter(
          (hit) => near.includes(hit.value) || hit.value.includes(near),
        );
        if (claims.length === 0) continue;
        tally.nearMissHits++;
        note(flagged, rule.provider, `${kind} of ${rule.detector.id} in ${host.path} by ${claims.flatMap(({ ids }) => ids).join(", ")}`);
      }
    }
  }
}

/** What is nearly a value of this template: cut, in another alphabet or case, hidden, or only a reference. */
function nearMisses({ text, name = "", miss }: Sample, value: string, seed: string): [string, string][] {
  const short: [string, string][] = miss === undefined ? [] : [["one character short", expandTemplate(miss, seededRandom(`${seed}/miss`))]];
  const head = parseTemplate(text)[0];
  const lead = head !== undefined && "literal" in head ? head.literal : "";
  const swapped = [...lead].map((letter) => (letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase())).join("");
  const cased: [string, string][] =
    lead.length < 4 || swapped === lead ? [] : [["the prefix in another case", swapped + value.slice(lead.length)]];
  return [
    ...short,
    ...cased,
    ["the head with dots", `${lead}${value.slice(lead.length, lead.length + 4)}...`],
    ["a row of x", lead + "x".repeat(Math.max(8, value.length - lead.length))],
    ["a placeholder", `YOUR_${name.toUpperCase()}`],
    ["a reference", `\${${name.toUpperCase()}}`],
  ];
}

interface Sample {
  readonly key: string;
  /** A template; a composite or regex detector's own example, where `name` is undefined. */
  readonly text: string;
  readonly name?: string;
  readonly miss?: string;
}

/** Templates under invented names; the rules that are not templates through their examples. */
function samples({ detector, provider }: CompiledDetector): Sample[] {
  const templates = detector.token ?? detector.assign?.value;
  if (templates === undefined) return detector.examples.match.map((text, index) => ({ key: `example ${index}`, text }));
  const words = detector.assign?.vendor ?? [];
  const word = (words[0] ?? detector.near?.[0] ?? provider).replace(/[^a-z0-9]+/g, "_");
  const name =
    words.length === 0 && detector.assign !== undefined ? (detector.assign.names[0] ?? "") : `${word.replace(/_(api_)?key$/, "")}_api_key`;
  return templates.slice(0, 3).map((text, index) => {
    const miss = shortened(text, templates);
    return { key: `variant ${index}`, text, name, ...(miss === undefined ? {} : { miss }) };
  });
}

/** One character short in the longest run, unless another variant has that length. */
function shortened(template: string, all: readonly string[]): string | undefined {
  const runs = [...template.matchAll(/\{([A-Za-z0-9]+):(\d+)(?:\+|\.\.\d+)?\}/g)].filter((run) => Number(run[2]) > 4);
  const run = runs.toSorted((a, b) => Number(b[2]) - Number(a[2]))[0];
  if (run === undefined || all.some((other) => other !== template && least(other) <= least(template))) return undefined;
  return `${template.slice(0, run.index)}{${run[1]}:${Number(run[2]) - 1}}${template.slice(run.index + run[0].length)}`;
}

function least(template: string): number {
  return parseTemplate(template).reduce((sum, piece) => sum + ("literal" in piece ? piece.literal.length : piece.min), 0);
}

function findings(path: string, text: string): { ids: string[]; value: string }[] {
  const found: { ids: string[]; value: string }[] = [];
  scan({ bytes: Buffer.from(text), origin: { kind: "file", path } }, ruleset, keyring, (finding, secret) => {
    found.push({ ids: [finding.detector, ...(finding.candidates ?? [])], value: secret.reveal() });
  });
  return found;
}

function note(map: Map<string, string[]>, provider: string, text: string): void {
  map.set(provider, [...(map.get(provider) ?? []), text]);
}

interface Clean {
  files: number;
  megabytes: number;
  seconds: number;
  found: { detector: string; confidence: string; place: string }[];
}

function cleanTree(root: string, rules: Ruleset): Clean {
  const clean: Clean = { files: 0, megabytes: 0, seconds: 0, found: [] };
  const begun = performance.now();
  for (const path of readdirSync(root, { recursive: true, encoding: "utf8" })) {
    // caches of our own tools hold our own tests
    if (/(?:^|\/)\.vite/.test(path)) continue;
    const stat = statSync(join(root, path), { throwIfNoEntry: false });
    if (stat === undefined || !stat.isFile() || stat.size > 1 << 20) continue;
    const bytes = readFileSync(join(root, path));
    if (bytes.subarray(0, 8000).includes(0)) continue;
    clean.files++;
    clean.megabytes += bytes.length / 1e6;
    for (const { detector, confidence, location } of scan({ bytes, origin: { kind: "file", path } }, rules, keyring))
      clean.found.push({ detector, confidence, place: `${path}:${location.startLine}` });
  }
  clean.seconds = (performance.now() - begun) / 1000;
  return clean;
}

function report({ planted, found, typed, extra, nearMisses, nearMissHits }: Tally, clean: Clean): void {
  const percent = (part: number, whole: number) => `${((100 * part) / Math.max(1, whole)).toFixed(2)}%`;
  const loud = clean.found.filter(({ confidence }) => confidence !== "low");
  const lines = [
    `${ruleset.detectors.length} detectors of ${new Set(ruleset.detectors.map(({ provider }) => provider)).size} providers, ${ruleset.engine}`,
    `recall      ${percent(found, planted)} found, ${percent(typed, planted)} with the right type (${planted} values planted)`,
    `near misses ${percent(nearMissHits, nearMisses)} flagged by any detector (${nearMisses} planted)`,
    `precision   ${percent(found, found + extra + nearMissHits)} on planted text; ${extra} findings beside a planted value`,
    `clean tree  ${clean.found.length} findings in ${clean.files} files (${perThousand(clean.found.length, clean.files)} per 1000; ${perThousand(loud.length, clean.files)} that can block), ${clean.megabytes.toFixed(0)} MB in ${clean.seconds.toFixed(1)} s`,
    ...section("missed", missed),
    ...section("found as another type", wrong),
    ...section("near misses flagged", flagged),
    "clean tree, to be read one by one:",
    ...clean.found.map(({ detector, confidence, place }) => `  ${detector} (${confidence}) ${place}`),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

function perThousand(count: number, files: number): string {
  return ((1000 * count) / Math.max(1, files)).toFixed(2);
}

function section(title: string, entries: ReadonlyMap<string, readonly string[]>): string[] {
  if (entries.size === 0) return [`${title}: none`];
  return [
    `${title}:`,
    ...[...entries].map(([provider, texts]) => `  ${provider}: ${texts.length}, such as ${texts.slice(0, 3).join("; ")}`),
  ];
}
