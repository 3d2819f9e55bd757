import { randomBytes, randomInt } from "node:crypto";
import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readObjects } from "../../src/git/cat-file.ts";
import { scanHistory } from "../../src/source/history.ts";
import { noveltyWindows } from "../../src/source/novelty.ts";
import { applyDelta } from "../../src/source/pack/delta.ts";
import { openPack, packedBlobs } from "../../src/source/pack/read-pack.ts";
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
  return opened === undefined ? [] : [...packedBlobs(opened.map)].map((blob) => ({ ...blob, id: opened.index.id(blob.position) }));
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

test("a delta that lies about its sizes or reaches out of its base is refused", () => {
  const base = Buffer.from("0123456789");
  const delta = (...bytes: number[]) => applyDelta(base, Buffer.from(bytes), 100);
  expect(delta(10, 4, 0x91, 2, 3, 1, 65)?.bytes.toString()).toBe("234A");
  expect(delta(10, 4, 0x91, 2, 3, 1, 65)?.fresh).toEqual([0, 0, 3, 4]);
  expect(delta(9, 4, 0x91, 2, 3, 1, 65)).toBeUndefined();
  expect(delta(10, 5, 0x91, 2, 3, 1, 65)).toBeUndefined();
  expect(delta(10, 4, 0x91, 8, 3, 1, 65)).toBeUndefined();
  expect(delta(10, 4, 0x91, 2, 3, 5, 65)).toBeUndefined();
  expect(delta(10, 1, 0)).toBeUndefined();
  expect(delta(10, 0xff, 0xff, 0xff, 0x7f, 0x91, 2, 3)).toBeUndefined();
});

test("a key whose middle is edited is searched from its first line on", () => {
  const body = Array.from({ length: 60 }, () => randomBytes(48).toString("base64"));
  const text = ["text ".repeat(5000), "-----BEGIN X KEY-----", ...body, "-----END X KEY-----", "text\n".repeat(5000)].join("\n");
  const at = text.indexOf(body[50] ?? "");
  const windows = noveltyWindows(Buffer.from(text), [at, at + 10]);
  expect(windows?.map(String)).toEqual([expect.stringMatching(/^-----BEGIN X KEY-----[\s\S]*-----END X KEY-----/)]);
});

test("windows hold whole lines around what is new, and are few where all is new", () => {
  const text = Array.from({ length: 1000 }, (_, index) => `line number ${index}`).join("\n");
  const at = text.indexOf("line number 500");
  const [window = Buffer.alloc(0), ...more] = noveltyWindows(Buffer.from(text), [at + 3, at + 3]) ?? [];
  expect(more).toEqual([]);
  const lines = window.toString().trim().split("\n");
  expect(lines[0]).toBe("line number 494");
  expect(lines.at(-1)).toBe("line number 506");
  expect(noveltyWindows(Buffer.from(text), [0, text.length - 10])).toBeUndefined();
  expect(noveltyWindows(Buffer.from(`\ufeff${text}`, "utf16le"), [100, 110])).toBeUndefined();
});
