import { randomBytes, randomInt } from "node:crypto";
import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { constants, deflateSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readObjects } from "../../src/git/cat-file.ts";
import { scanHistory } from "../../src/source/history.ts";
import { KnownRuns, newRunTable } from "../../src/source/known-runs.ts";
import { openPack, packedBlobs } from "../../src/source/pack/read-pack.ts";
import { aligned, Unpacker } from "../../src/source/pack/unpack.ts";
import { Packs, unknownParts } from "../../src/source/packs.ts";
import { marker, markerScan } from "./marker.ts";
import { repository, type TestRepository } from "./repository.ts";

/** Versions of a file that grow out of each other by small edits, so that git stores them as deltas. */
function packedRepository(versions: number): TestRepository {
  const made = repository();
  const keys = Array.from({ length: 6 }, marker);
  let lines = Array.from({ length: 400 }, (_, index) => `line ${index} ${randomBytes(12).toString("hex")}`);
  for (let version = 0; version < versions; version++) {
    for (let edit = 0; edit < 3; edit++) {
      const at = randomInt(lines.length);
      const kind = randomInt(5);
      if (kind === 0) lines.splice(at, 1, `KEY=${keys[randomInt(keys.length)]}`);
      else if (kind === 1) lines = lines.filter((line) => !line.includes("marker_"));
      else if (kind === 2) lines = [...lines.slice(at), ...lines.slice(0, at)];
      // two halves that make a key only when what stands between them goes away
      else if (kind === 3) lines.splice(at, 0, `half ${(keys[0] ?? "").slice(0, 18)}`, `${"x".repeat(40)}`, (keys[0] ?? "").slice(18));
      else
        lines = lines
          .join("\n")
          .replaceAll(`\n${"x".repeat(40)}\n`, "")
          .split("\n");
    }
    made.commit(`version ${version}`, { "big.txt": lines.join("\n"), "small.txt": `${version}` });
  }
  made.git("repack", "-adfq", "--depth=40", "--window=20");
  return made;
}

function packs({ path }: TestRepository): string[] {
  const folder = join(path, ".git/objects/pack");
  return readdirSync(folder)
    .filter((name) => name.endsWith(".pack"))
    .map((name) => join(folder, name.slice(0, -5)));
}

function blobsOf(file: string) {
  const opened = openPack(file);
  return opened === undefined
    ? []
    : Array.from(packedBlobs(opened.map), (blob) => ({
        ...blob,
        bytes: Buffer.from(blob.bytes),
        id: opened.index.id(blob.position),
      }));
}

async function bothWays({ path }: TestRepository) {
  const run = async (how: boolean) => {
    const scan = markerScan();
    const { findings, stats } = await scanHistory({ cwd: path, scan, packs: how });
    const sorted = findings.toSorted((a, b) => (a.id + a.location.commit < b.id + b.location.commit ? -1 : 1));
    return { findings: sorted, stats, shown: scan.seen.length };
  };
  return { packed: await run(true), plain: await run(false) };
}

test("every blob of a pack is read as git reads it, deltas after their bases", async () => {
  const made = packedRepository(60);
  const [file = ""] = packs(made);
  const seen = new Set<number>();
  const own = new Map<string, string>();
  let deltas = 0;
  for (const { id, position, base, bytes } of blobsOf(file)) {
    if (base !== undefined) {
      deltas++;
      expect(seen.has(base)).toBe(true);
    }
    seen.add(position);
    own.set(id, bytes.toString("latin1"));
  }
  expect(deltas).toBeGreaterThan(30);
  let compared = 0;
  for await (const { id, bytes, type } of readObjects(made.path, own.keys(), { maxBytes: 1 << 20 })) {
    expect([type, bytes?.toString("latin1")]).toEqual(["blob", own.get(id)]);
    compared++;
  }
  const all = made.git("cat-file", "--batch-all-objects", "--batch-check=%(objecttype)");
  expect(compared).toBe(all.split("\n").filter((type) => type === "blob").length);
});

test("packs and git give the same findings, commits and counts", async () => {
  for (let round = 0; round < 3; round++) {
    const { packed, plain } = await bothWays(packedRepository(50));
    expect(plain.findings.length).toBeGreaterThan(0);
    expect(packed.findings).toEqual(plain.findings);
    expect(packed.stats.files).toBe(plain.stats.files);
  }
}, 30_000);

/** A history of every kind of change: folders, copies, renames, modes, submodules, merges, what only a merge brings, several roots. */
function variedRepository(commits: number): TestRepository {
  const made = repository();
  const keys = Array.from({ length: 5 }, marker);
  const folders = ["", "a/", "a/b/", "a/b/c/", "d/", ".gemini/x/", "d/a/"];
  const names = ["one.txt", "two.env", "s.json", ".mcp.json", "log.jsonl"];
  const place = () => `${folders[randomInt(folders.length)]}${names[randomInt(names.length)]}`;
  const text = () => {
    const key = randomInt(3) === 0 ? `KEY=${keys[randomInt(keys.length)]}\n` : "";
    return `${"same\n".repeat(randomInt(60))}${key}${randomInt(8)}\n`;
  };
  const branches = ["main"];
  let head = made.commit("first", { "a/one.txt": text(), "d/two.env": text() });
  for (let number = 0; number < commits; number++) {
    const kind = randomInt(12);
    if (kind === 0) {
      branches.push(`branch-${number}`);
      made.git("checkout", "--quiet", "-b", `branch-${number}`);
    } else if (kind === 1) made.git("checkout", "--quiet", branches[randomInt(branches.length)] ?? "main");
    else if (kind === 2) {
      made.git("merge", "--quiet", "--no-commit", "--no-ff", "-s", "ours", branches[randomInt(branches.length)] ?? "main");
      made.write(place(), text());
    } else if (kind === 3) made.git("rm", "-r", "--quiet", "--ignore-unmatch", folders[1 + randomInt(folders.length - 1)] ?? "a/");
    else if (kind === 4) made.git("update-index", "--add", "--cacheinfo", `160000,${head},vendor/${randomInt(3)}`);
    else if (kind === 5) {
      const path = place();
      made.write(path, text());
      made.git("update-index", "--add", "--chmod=+x", path);
    } else for (let files = randomInt(4); files >= 0; files--) made.write(place(), text());
    head = made.commit(`change ${number}`);
  }
  made.git("checkout", "--quiet", "--orphan", "other");
  made.commit("another root", { [place()]: text() });
  return made;
}

test("commits of packs are in the order of git's log, with their parents, trees and messages", () => {
  const made = variedRepository(60);
  made.git("repack", "-adq", "--depth=30", "--window=20");
  const found = new Packs(join(made.path, ".git/objects"));
  const sizes = new Map<number, number>();
  const tips = made.git("for-each-ref", "--format=%(objectname)").trim().split("\n");
  const commits = found.commits(tips, (message, number) => sizes.set(number, message.length));
  const log = made.git("log", "--all", "--date-order", "--reverse", "--format=%H %T %P").trim().split("\n");
  const own = Array.from({ length: commits?.count ?? 0 }, (_, rank) => {
    const parents = Array.from(commits?.parents(rank) ?? [], (parent) => commits?.id(parent));
    return { id: commits?.id(rank), tree: commits?.tree(rank), parents };
  });
  expect(own).toEqual(
    log.map((line) => {
      const [id = "", tree = "", ...parents] = line.split(" ");
      return { id, tree: found.find(tree), parents: parents.filter((parent) => parent !== "") };
    }),
  );
  expect(sizes.size).toBe(log.length);
  expect(found.commits(["00".repeat(20)], () => undefined)).toBeUndefined();
});

test("a varied history gives the same findings, commits and counts, packed, half packed and loose", async () => {
  for (let round = 0; round < 3; round++) {
    const made = variedRepository(60);
    const same = async () => {
      const { packed, plain } = await bothWays(made);
      expect(plain.findings.length).toBeGreaterThan(0);
      expect(packed.findings).toEqual(plain.findings);
      const sorted = (skipped: typeof plain.stats.skipped) => skipped.toSorted((a, b) => (a.path < b.path ? -1 : 1));
      expect({ ...packed.stats, skipped: sorted(packed.stats.skipped) }).toEqual({ ...plain.stats, skipped: sorted(plain.stats.skipped) });
    };
    await same();
    made.git("repack", "-adq", "--depth=30", "--window=20");
    await same();
    for (let more = 0; more < 8; more++) made.commit(`loose ${more}`, { [`a/b/late-${more}.env`]: marker(), "a/one.txt": `${more}` });
    await same();
    made.git("repack", "-q");
    made.git("tag", "-a", "-m", "tag", "v1");
    made.commit("loose again", { "d/last.env": marker() });
    await same();
  }
}, 120_000);

test("loose objects beside packs, and several packs with the same objects, are read once", async () => {
  const made = packedRepository(12);
  made.commit("loose", { "loose.env": marker() });
  made.git("pack-objects", "--all", "--quiet", join(made.path, ".git/objects/pack/pack"));
  made.commit("looser", { "looser.env": marker() });
  expect(packs(made).length).toBe(2);
  const { packed, plain } = await bothWays(made);
  expect(packed.findings).toEqual(plain.findings);
  expect(packed.stats).toEqual(plain.stats);
});

test("an index of another kind, a truncated one and a damaged pack are left to git", () => {
  const made = packedRepository(5);
  const [file = ""] = packs(made);
  expect(blobsOf(file).length).toBeGreaterThan(5);
  for (const name of readdirSync(join(file, "..")).filter((one) => one.endsWith(".idx") || one.endsWith(".pack")))
    chmodSync(join(file, "..", name), 0o644);
  const [index, pack] = [readFileSync(`${file}.idx`), readFileSync(`${file}.pack`)];
  const other = Buffer.from(index);
  other.writeUInt32BE(9, 4);
  for (const wrong of [other, index.subarray(0, 1100), Buffer.alloc(0)]) {
    writeFileSync(`${file}.idx`, wrong);
    expect(blobsOf(file)).toEqual([]);
  }
  writeFileSync(`${file}.idx`, index);
  const whole = blobsOf(file);
  const damaged = Buffer.from(pack);
  damaged.fill(0xa5, 200, pack.length - 20);
  writeFileSync(`${file}.pack`, damaged);
  const ids = new Map(whole.map(({ id, bytes }) => [id, bytes]));
  for (const { id, bytes } of blobsOf(file)) expect(ids.get(id)?.equals(bytes)).toBe(true);
});

/** An object as zlib deflates it, inflated to a place. */
function inflated(unpacker: Unpacker, at: number, bytes: Buffer, deflated = deflateSync(bytes)) {
  unpacker.readFrom((buffer, position) => deflated.copy(buffer, 0, position));
  return unpacker.inflated(at, bytes.length, 0, deflated.length);
}

test("a delta that lies about its sizes or reaches out of its base is refused", () => {
  const unpacker = new Unpacker();
  const base = inflated(unpacker, unpacker.start, Buffer.from("0123456789")) ?? { at: 0, size: 0 };
  const patched = (...bytes: number[]) => {
    const delta = inflated(unpacker, aligned(base.at + base.size), Buffer.from(bytes)) ?? { at: 0, size: 0 };
    const made = unpacker.patched(base, delta, aligned(delta.at + delta.size), 100);
    return made === undefined ? undefined : { text: unpacker.bytes(made).toString(), fresh: [...unpacker.stretches(made.fresh)] };
  };
  expect(patched(10, 4, 0x91, 2, 3, 1, 65)).toEqual({ text: "234A", fresh: [0, 4] });
  expect(patched(10, 10, 0x90, 10)).toEqual({ text: "0123456789", fresh: [] });
  expect(patched(10, 8, 0x90, 5, 0x91, 7, 3)?.fresh).toEqual([5, 5]);
  expect(patched(9, 4, 0x91, 2, 3, 1, 65)).toBeUndefined();
  expect(patched(10, 5, 0x91, 2, 3, 1, 65)).toBeUndefined();
  expect(patched(10, 4, 0x91, 8, 3, 1, 65)).toBeUndefined();
  expect(patched(10, 4, 0x91, 2, 3, 5, 65)).toBeUndefined();
  expect(patched(10, 4, 0x9f, 2, 0xff, 0xff, 0xff, 3, 1, 65)).toBeUndefined();
  expect(patched(10, 1, 0)).toBeUndefined();
  expect(patched(10, 0xff, 0xff, 0xff, 0x7f, 0x91, 2, 3)).toBeUndefined();
  expect(patched(10)).toBeUndefined();
  expect(patched()).toBeUndefined();
});

const strategies = [
  { level: 0 },
  { level: 1 },
  { level: 9 },
  { strategy: constants.Z_FIXED },
  { strategy: constants.Z_HUFFMAN_ONLY },
  { strategy: constants.Z_RLE },
];

test("what zlib deflates is inflated to the same bytes; what is damaged, cut off or of another size is refused", () => {
  const unpacker = new Unpacker();
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 1, max: 400 })), { maxLength: 40 }),
      fc.constantFrom(...strategies),
      fc.nat(),
      (parts, options, random) => {
        const bytes = Buffer.concat(parts.map(([part, times]) => Buffer.concat(Array.from({ length: times }, () => Buffer.from(part)))));
        const deflated = deflateSync(bytes, options);
        const whole = inflated(unpacker, unpacker.start, bytes, deflated);
        expect(whole === undefined ? undefined : unpacker.bytes(whole).equals(bytes)).toBe(true);
        expect(inflated(unpacker, unpacker.start, bytes, deflated.subarray(0, random % deflated.length))).toBeUndefined();
        expect(inflated(unpacker, unpacker.start, Buffer.concat([bytes, Buffer.from("x")]), deflated)).toBeUndefined();
        const damaged = Buffer.from(deflated);
        damaged.writeUInt8(damaged.readUInt8(random % damaged.length) ^ (1 << (random % 8)), random % damaged.length);
        const other = inflated(unpacker, unpacker.start, bytes, damaged);
        expect(other === undefined || unpacker.bytes(other).equals(bytes)).toBe(true);
      },
    ),
    { numRuns: 300 },
  );
});

test("runs of lines have equal hashes where they are equal, whatever stands around them, and other ones where they differ", () => {
  const unpacker = new Unpacker();
  unpacker.setKeys(BigUint64Array.of(randomBytes(8).readBigUInt64LE(), randomBytes(8).readBigUInt64LE()));
  const hashes = (text: string) => {
    const place = inflated(unpacker, unpacker.start, Buffer.from(text)) ?? { at: 0, size: 0 };
    const runs = unpacker.runs(place, place.at + place.size);
    const covered: [number, number][] = [];
    const keys = Array.from({ length: runs.length / 4 }, (_, run) => {
      covered.push([runs[4 * run] ?? 0, runs[4 * run + 1] ?? 0]);
      return `${runs[4 * run + 2]} ${runs[4 * run + 3]}`;
    });
    expect([covered.at(0)?.[0], covered.at(-1)?.[1]]).toEqual([0, text.length]);
    for (const [index, [start]] of covered.entries()) if (index > 0) expect(start).toBeLessThanOrEqual(covered[index - 1]?.[1] ?? 0);
    return keys;
  };
  const line = (index: number) => `line ${index} of a text that is long enough to be a unit by itself, with more words\n`;
  const text = Array.from({ length: 40 }, (_, index) => line(index)).join("");
  const known = new Set(hashes(text));
  expect(known.size).toBe(35);
  expect(hashes(`${text}${text}`).filter((hash) => !known.has(hash))).toHaveLength(5);
  expect(hashes(text.replace("line 20 ", "line XX ")).filter((hash) => !known.has(hash))).toHaveLength(6);
  const long = `${Array.from({ length: 2000 }, (_, index) => `word-${index}`).join(" ")}\n`;
  const words = new Set(hashes(long));
  expect(words.size).toBeGreaterThan(20);
  expect(hashes(`begin ${long}`).filter((hash) => !words.has(hash)).length).toBeLessThan(10);
  for (const short of ["", "a", "\n", "a\nb", "\n\n\n"]) expect(hashes(short)).toHaveLength(1);
});

/** What is searched of a text whose clean base lacks what stands in it from `at` on. */
function searched(text: string, at: number, length: number): string[] {
  const unpacker = new Unpacker();
  const base = Buffer.from(text.slice(0, at) + text.slice(at + length));
  const size = (value: number) => [(value & 0x7f) | 0x80, ((value >> 7) & 0x7f) | 0x80, value >> 14];
  const copied = (from: number, count: number) => {
    if (count === 0) return [];
    const operation = Buffer.alloc(8, 0xff);
    operation.writeUInt32LE(from, 1);
    operation.writeUIntLE(count, 5, 3);
    return [...operation];
  };
  const inserted = length === 0 ? [] : [length, ...Buffer.from(text.slice(at, at + length))];
  const delta = [...size(base.length), ...size(text.length), ...copied(0, at), ...inserted, ...copied(at, base.length - at)];
  const first = inflated(unpacker, unpacker.start, base) ?? { at: 0, size: 0 };
  const second = inflated(unpacker, aligned(first.at + first.size), Buffer.from(delta)) ?? { at: 0, size: 0 };
  const place = unpacker.patched(first, second, aligned(second.at + second.size), 1 << 24);
  if (place === undefined) throw new Error("the delta of the test does not fit");
  const bytes = unpacker.bytes(place);
  expect(bytes.toString()).toBe(text);
  const blob = { position: 1, base: 0, bytes, place };
  return unknownParts(blob, true, unpacker, new KnownRuns(newRunTable())).map(([start, end]) => text.slice(start, end));
}

test("a key whose middle is edited is searched from its first line on", () => {
  const body = Array.from({ length: 60 }, () => randomBytes(48).toString("base64"));
  const text = ["text ".repeat(5000), "-----BEGIN X KEY-----", ...body, "-----END X KEY-----", "text\n".repeat(5000)].join("\n");
  const parts = searched(text, text.indexOf(body[50] ?? ""), 10);
  expect(parts).toEqual([expect.stringMatching(/^-----BEGIN X KEY-----[\s\S]*-----END X KEY-----/)]);
});

test("whole lines around what is new are searched, and a long line as a whole", () => {
  const lines = Array.from({ length: 1000 }, (_, index) => `line number ${index}`);
  const text = lines.join("\n");
  const at = text.indexOf("line number 500");
  expect(searched(text, at + 3, 4)).toEqual([`${lines.slice(494, 507).join("\n")}\n`]);
  expect(searched(text, 0, 4)).toEqual([`${lines.slice(0, 7).join("\n")}\n`]);
  expect(searched(text, text.length - 2, 2)).toEqual([lines.slice(993).join("\n")]);
  const long = randomBytes(5000).toString("hex");
  expect(searched([...lines, long, ...lines].join("\n"), text.length + 4000, 3)).toEqual([expect.stringContaining(long)]);
});

test("what stood in a clean text is not searched again, what stood in another one is", () => {
  const text = Array.from({ length: 200 }, (_, index) => `line ${index} ${"of some length ".repeat(6)}`).join("\n");
  const unpacker = new Unpacker();
  const table = newRunTable();
  unpacker.setKeys(table.keys);
  const runs = new KnownRuns(table);
  const parts = (content: string) => {
    const place = inflated(unpacker, unpacker.start, Buffer.from(content)) ?? { at: 0, size: 0 };
    return unknownParts({ position: 0, base: undefined, bytes: unpacker.bytes(place), place }, false, unpacker, runs);
  };
  expect(parts(text)).toEqual([[0, text.length]]);
  runs.conclude(false);
  expect(parts(text)).toEqual([[0, text.length]]);
  runs.conclude(true);
  expect(parts(text)).toEqual([]);
  runs.conclude(true);
  const [[start = 0, end = 0] = [], ...more] = parts(`${text.slice(0, 9000)}!${text.slice(9000)}`);
  expect(more).toEqual([]);
  expect([start < 9000, end > 9000, end - start < 2500]).toEqual([true, true, true]);
});
