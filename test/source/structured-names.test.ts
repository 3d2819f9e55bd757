import fc from "fast-check";
import { expect, test } from "vitest";
import { surfacePaths } from "../../src/agent-config/index.ts";
import { mayBeStructured } from "../../src/source/scanner.ts";
import { mayBeHeld, mayHoldStructured, mayNameStructured } from "../../src/source/structured-names.ts";

/** What the names of a path's parts tell, as a walk through trees sees them. */
function told(path: string): boolean {
  const parts = path.split("/");
  const name = parts.at(-1) ?? "";
  return mayNameStructured(name) || (parts.slice(0, -1).some(mayHoldStructured) && mayBeHeld(name));
}

const word = fc.constantFrom("a", "src", ".x", "settings", "n8n-flows", ".gemini", "team.continue", "config.toml", "b.json", "C.JSON");

test("no path that may be structured escapes what its names tell", () => {
  const filled = fc.constantFrom(...surfacePaths).chain((glob) =>
    fc.array(fc.array(word, { maxLength: 3 }), { minLength: 3, maxLength: 3 }).map((fills) => {
      let at = 0;
      return glob
        .split("/")
        .flatMap((part) => (part === "**" ? (fills[at++ % 3] ?? []) : [part.replace(/\{([^,}]*),.*?\}/, "$1").replaceAll("*", "x")]))
        .join("/");
    }),
  );
  const other = fc.tuple(fc.array(word), fc.constantFrom("a.json", "t.jsonl", ".aider.chat.history.md", "x\\.mcp.json"));
  const any = other.map(([folders, name]) => [...folders, name].join("/"));
  let structured = 0;
  fc.assert(
    fc.property(fc.oneof(filled, any), (path) => {
      if (!mayBeStructured(path)) return;
      structured++;
      expect([path, told(path)]).toEqual([path, true]);
    }),
    { numRuns: 3000 },
  );
  expect(structured).toBeGreaterThan(1000);
});

test("ordinary names tell nothing", () => {
  for (const path of ["src/index.ts", "package.json", "docs/readme.md", "lib/ci.yml", "a/b/c.toml"]) expect(told(path)).toBe(false);
});
