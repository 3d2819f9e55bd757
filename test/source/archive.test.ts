import { randomInt } from "node:crypto";
import { deflateRawSync, gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { loadRuleset } from "../../src/config/detectors.ts";
import { expandTemplate } from "../../src/detector/template.ts";
import { scan } from "../../src/scan/scan.ts";
import { scopeSalt } from "../../src/secret.ts";
import { scanArchive } from "../../src/source/archive.ts";
import { Tally } from "../../src/source/scanner.ts";
import { marker, markerScan } from "./marker.ts";

function scanned(path: string, bytes: Buffer) {
  const tally = new Tally({ scan: markerScan() });
  const findings = scanArchive({ size: bytes.length, read: () => bytes, origin: { kind: "file", path }, tally });
  return { findings, stats: tally.stats(), places: findings.map(({ location, locator }) => [location.path, locator.path, locator.member]) };
}

interface Packed {
  readonly name: string;
  readonly content: string | Buffer;
  readonly stored?: true;
  readonly encrypted?: true;
}

function zip(members: readonly Packed[]): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content, stored, encrypted } of members) {
    const raw = Buffer.from(content);
    const data = stored ? raw : deflateRawSync(raw);
    const label = Buffer.from(name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(encrypted ? 1 : 0, 2);
    common.writeUInt16LE(stored ? 0 : 8, 4);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(raw.length, 18);
    common.writeUInt16LE(label.length, 22);
    const local = Buffer.concat([Buffer.from("504b0304", "hex"), common, label, data]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from("504b01021400", "hex"), common, tail, label]));
    locals.push(local);
    offset += local.length;
  }
  const listing = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(listing.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, listing, end]);
}

function tar(members: readonly { name: string; content: string | Buffer; type?: string }[]): Buffer {
  const blocks = members.flatMap(({ name, content, type = "0" }) => {
    const body = Buffer.from(content);
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write("0000644\0", 100);
    header.write(`${body.length.toString(8).padStart(11, "0")}\0`, 124);
    header.write("        ", 148);
    header.write(type, 156);
    header.write("ustar\x0000", 257);
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, "0")}\0 `,
      148,
    );
    return [header, body, Buffer.alloc((512 - (body.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

test("zip members, stored and deflated, are scanned under their names", () => {
  const bytes = zip([
    { name: "conf/", content: "", stored: true },
    { name: "conf/a.env", content: `x\n${marker()}` },
    { name: "b.env", content: marker(), stored: true },
  ]);
  const { places, findings, stats } = scanned("pkg/app.zip", bytes);
  expect(places).toEqual([
    ["pkg/app.zip!/conf/a.env", "pkg/app.zip", "conf/a.env"],
    ["pkg/app.zip!/b.env", "pkg/app.zip", "b.env"],
  ]);
  expect(findings[0]?.location.startLine).toBe(2);
  expect(stats.complete).toBe(true);
});

test("tar, gzipped tar, plain gzip and archives in archives are opened", () => {
  const inner = tar([
    { name: "link", content: "", type: "2" },
    { name: "deep/c.env", content: marker() },
  ]);
  expect(scanned("a.tar", inner).places).toEqual([["a.tar!/deep/c.env", "a.tar", "deep/c.env"]]);
  expect(scanned("a.tgz", gzipSync(inner)).places).toEqual([["a.tgz!/deep/c.env", "a.tgz", "deep/c.env"]]);
  expect(scanned("app.log.gz", gzipSync(marker())).places).toEqual([["app.log.gz!/app.log", "app.log.gz", "app.log"]]);
  const nested = zip([{ name: "in.tar.gz", content: gzipSync(inner) }]);
  expect(scanned("out.zip", nested).places).toEqual([["out.zip!/in.tar.gz!/deep/c.env", "out.zip", "in.tar.gz!/deep/c.env"]]);
});

test("long names of GNU and pax archives are read", () => {
  const long = `${"folder/".repeat(20)}a.env`;
  const gnu = tar([
    { name: "././@LongLink", content: `${long}\0`, type: "L" },
    { name: "cut", content: marker() },
  ]);
  const record = ` path=${long}\n`;
  const pax = tar([
    { name: "x", content: `${record.length + 3}${record}`, type: "x" },
    { name: "cut", content: marker() },
  ]);
  expect(scanned("a.tar", gnu).places[0]?.[2]).toBe(long);
  expect(scanned("a.tar", pax).places[0]?.[2]).toBe(long);
});

test("names that lead out of the archive are only labels", () => {
  const bytes = zip([
    { name: "../../etc/passwd", content: marker() },
    { name: "/abs\\win.env", content: marker() },
  ]);
  expect(scanned("a.zip", bytes).places.map(([path]) => path)).toEqual(["a.zip!/etc/passwd", "a.zip!/abs/win.env"]);
});

test("an archive that unpacks to far more than it is long is not unpacked", () => {
  const bomb = zip([
    { name: "zeros", content: Buffer.alloc(80 << 20) },
    { name: "a.env", content: marker() },
  ]);
  const { places, stats } = scanned("bomb.zip", bomb);
  expect(places).toHaveLength(1);
  expect(stats).toMatchObject({ complete: false, skipped: [{ path: "bomb.zip!/zeros", reason: "unpacks to more than is read" }] });
});

test("encrypted members, damaged archives and too deep nesting are reported and make the scan incomplete", () => {
  const encrypted = scanned("a.zip", zip([{ name: "a.env", content: marker(), encrypted: true }]));
  expect(encrypted.stats).toMatchObject({ complete: false, skipped: [{ path: "a.zip!/a.env", reason: "encrypted: not read" }] });

  const damaged = scanned("a.zip", Buffer.from(`not a zip at all ${marker()}`));
  expect(damaged.places).toEqual([["a.zip", undefined, undefined]]);
  expect(damaged.stats).toMatchObject({ complete: false, skipped: [{ path: "a.zip" }] });

  let deep = zip([{ name: "a.env", content: marker() }]);
  for (let level = 0; level < 4; level++) deep = zip([{ name: "inner.zip", content: deep, stored: true }]);
  expect(scanned("a.zip", deep).stats).toMatchObject({ complete: false });
});

test("a tar that ends in the middle keeps what was read before", () => {
  const whole = tar([
    { name: "a.env", content: marker() },
    { name: "b.env", content: "x".repeat(2000) },
  ]);
  const { places, stats } = scanned("a.tar", whole.subarray(0, 2000));
  expect(places).toHaveLength(1);
  expect(stats).toMatchObject({ complete: false, skipped: [{ path: "a.tar", reason: "archive ends in the middle of a file" }] });
});

test("containers one to three deep, with text that is encoded again inside: found once, on its line of the innermost file", async () => {
  const ruleset = await loadRuleset();
  const wrap: Record<string, (name: string, content: Buffer) => [string, Buffer]> = {
    gz: (name, content) => [`${name}.gz`, gzipSync(content)],
    zip: (name, content) => ["b.zip", zip([{ name, content }])],
    tar: (name, content) => ["c.tar", tar([{ name, content }])],
    tgz: (name, content) => ["d.tgz", gzipSync(tar([{ name, content }]))],
  };
  const inner: Record<string, (value: string) => [string, string]> = {
    plain: (value) => ["a.env", `# one\nKEY=${value}\n`],
    base64: (value) => ["a.env", `# one\nKEY=${Buffer.from(`v ${value}`).toString("base64")}\n`],
    "json in a string": (value) => [
      "a.jsonl",
      `{"a":1}\n${JSON.stringify({ messages: [{ role: "user", content: JSON.stringify({ k: `"${value}"` }) }] })}\n`,
    ],
    notebook: (value) => ["a.ipynb", `{"cells":[\n{"cell_type":"code","source":["k = '${value}'\\n"],"outputs":[]}],"nbformat":4}`],
    "UTF-16": (value) => ["a.txt", Buffer.from(`# one\nKEY=${value}\n`, "utf16le").toString("latin1")],
  };
  const names = Object.keys(wrap);
  const chains = [
    ...names.map((a) => [a]),
    ...names.flatMap((a) => names.map((b) => [a, b])),
    ...names.flatMap((a) => names.flatMap((b) => names.map((c) => [a, b, c]))),
  ];
  for (const chain of chains)
    for (const [kind, make] of Object.entries(inner)) {
      const value = expandTemplate("sk-or-v1-{hex:64}", (below) => randomInt(below));
      const [name, text] = make(value);
      const [path, bytes] = chain.reduce<[string, Buffer]>(
        ([label, content], one) => wrap[one]?.(label, content) ?? [label, content],
        [name, Buffer.from(text, "latin1")],
      );
      const tally = new Tally({ scan: (document) => scan(document, ruleset, { tenant: [], salts: [scopeSalt("t")] }) });
      const found = scanArchive({ size: bytes.length, read: () => bytes, origin: { kind: "file", path }, tally });
      const seen = found.map(({ detector, location }) => [detector, location.path?.endsWith(`!/${name}`), location.startLine]);
      expect([chain, kind, seen]).toEqual([chain, kind, [["openrouter-api-key", true, 2]]]);
      expect(tally.stats().complete).toBe(true);
    }
});
