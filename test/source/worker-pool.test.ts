import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Ruleset } from "../../src/detector/compile.ts";
import { expandTemplate, seededRandom } from "../../src/detector/template.ts";
import { scan } from "../../src/scan/scan.ts";
import { scopeSalt } from "../../src/secret.ts";
import { Packs, searchPack } from "../../src/source/packs.ts";
import { WorkerPool } from "../../src/source/worker-pool.ts";
import { detectorFile, rules } from "../scan/rules.ts";
import { repository } from "./repository.ts";

const random = seededRandom("worker-pool");
const key = () => expandTemplate("acme_{alnum:32}", random);
let ruleset: Ruleset;
let pool: WorkerPool;

beforeAll(async () => {
  // a rule of a user: threads compile what they are given, not what is built in
  ruleset = await rules([detectorFile("token: 'acme_{alnum:32}'")]);
  pool = new WorkerPool(ruleset, 2);
});
afterAll(() => pool.close());

test("threads say of every packed blob what one thread says", async () => {
  const made = repository();
  const lines = Array.from({ length: 300 }, () => randomBytes(20).toString("hex"));
  for (let version = 0; version < 30; version++) {
    lines[version * 3] = version % 7 === 3 ? `KEY=${key()}` : `changed ${version}`;
    made.commit(`version ${version}`, { "big.txt": lines.join("\n"), [`own-${version}.txt`]: version % 5 === 0 ? key() : `${version}` });
  }
  made.git("repack", "-adfq", "--depth=20");
  const objects = join(made.path, ".git/objects");
  const [alone, together] = [new Packs(objects), new Packs(objects)];
  const keyring = { tenant: [], salts: [scopeSalt("test")] };
  for (const pack of alone.searched) searchPack(pack, (bytes) => scan({ bytes, origin: { kind: "file" } }, ruleset, keyring).length === 0);
  await pool.search(together.searched);
  const said = (packs: Packs) =>
    made
      .git("rev-list", "--objects", "--all")
      .trim()
      .split("\n")
      .map((line) => packs.of(line.slice(0, 40)));
  expect(said(together)).toEqual(said(alone));
  const kinds = said(together).map((verdict) => verdict?.verdict);
  expect(kinds.filter((kind) => kind === "not-clean").length).toBeGreaterThan(6);
  expect(kinds.filter((kind) => kind === "clean").length).toBeGreaterThan(20);
});

test("threads clear clean files only, and leave what they cannot read to the caller", async () => {
  const made = repository();
  made.write("clean.txt", "nothing here");
  made.write("key.env", `KEY=${key()}`);
  made.write("pack.zip", "a zip is opened elsewhere");
  const sizes = await pool.clear(made.path, "apps/web/", ["clean.txt", "key.env", "pack.zip", "gone.txt", "."]);
  expect([...sizes]).toEqual([12, -1, -1, -1, -1]);
});

test("a thread that ends is an error, not a clean answer", async () => {
  const broken = new WorkerPool({ ...ruleset, files: [{ ...ruleset.files[0], detectors: [{ id: "broken" }] }] as never }, 1);
  await expect(broken.clear("/", "", ["etc/hostname"])).rejects.toThrow();
  await expect(broken.clear("/", "", ["etc/hostname"])).rejects.toThrow();
  await broken.close();
});
