/** `node src/detector/assembly/build.mjs [file]`: builds the search and writes it as a module, since what finds secrets reads no files. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "rekey-search-"));
try {
  const built = join(folder, "search.wasm");
  const asc = here("../../../node_modules/assemblyscript/bin/asc.js");
  execFileSync(process.execPath, [asc, "--config", here("asconfig.json"), here("search.ts"), "--outFile", built]);
  const text = [
    "/** What `assembly/` builds: WebAssembly in base64. Made by `npm run wasm`; test/detector/search-build.test.ts builds it again and compares. */",
    "export const searchCode =",
    `  "${readFileSync(built, "base64")}";`,
    "",
  ].join("\n");
  writeFileSync(process.argv[2] ?? here("../search-code.ts"), text);
} finally {
  rmSync(folder, { recursive: true });
}
