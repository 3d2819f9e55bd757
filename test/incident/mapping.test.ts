import fc from "fast-check";
import { expect, test } from "vitest";
import { applyMapping, parseMapping } from "../../src/incident/mapping.ts";

const base = `version: 1
name: test
kind: { path: $.kind, values: { pi: prompt-injection } }
severity: { const: high }
`;
const events = (more: string, body: unknown) => applyMapping(parseMapping(`${base}${more}`, "m.yml"), body, "s");

test.each([
  ["a number's text", "title: $.n", { n: 7 }, "7"],
  ["a quoted name", "title: $['a b'].c", { "a b": { c: "x" } }, "x"],
  ["an index", "title: $.list[1].name", { list: [{}, { name: "second" }] }, "second"],
  ["the first path that holds something", "title: { paths: [$.none, $.empty, $.t] }", { empty: "", t: "t" }, "t"],
  ["a constant", "title: { const: always }", {}, "always"],
  ["one line, cut", "title: $.t", { t: `a\n\u0007b ${"x".repeat(500)}` }, `a b ${"x".repeat(195)}…`],
  ["nothing where an object stands", "title: $.t", { t: { a: 1 } }, undefined],
  ["nothing of a prototype", "title: $.constructor.name", {}, undefined],
  ["nothing of a list's methods", "title: $.list.length", { list: [1] }, undefined],
])("a text is %s", (_what, more, body, title) => {
  expect(events(more, { kind: "pi", ...body }).events[0]?.title).toBe(title);
});

test.each([
  ["iso", "2026-03-01T10:00:00+01:00", "2026-03-01T09:00:00.000Z"],
  ["unix", 1_772_359_200, "2026-03-01T10:00:00.000Z"],
  ["unix-ms", "1772359200000", "2026-03-01T10:00:00.000Z"],
  ["unix-ns", "1772359200000000000", "2026-03-01T10:00:00.000Z"],
])("a time in %s is a moment", (format, at, expected) => {
  expect(events(`time: { path: $.at, format: ${format} }`, { kind: "pi", at }).events[0]?.at).toBe(expected);
});

test.each([
  ["iso", "yesterday"],
  ["iso", 1_772_359_200],
  ["unix", "1e9"],
  ["unix-ms", 1_772_359_200],
  ["unix", -1],
])("what is no time in %s is a problem, never another time", (format, at) => {
  const { events: none, problems } = events(`time: { path: $.at, format: ${format} }`, { kind: "pi", at });
  expect(none).toEqual([]);
  expect(problems).toEqual([`event 1: time: expected ${format} at $.at`]);
});

test("a value that no line names is a problem that does not quote it", () => {
  const { events: none, problems } = events("", { kind: "secret text of the vendor" });
  expect(none).toEqual([]);
  expect(problems).toEqual(["event 1: kind: no line of 'values' fits what stands at $.kind, and there is no default"]);
});

test.each([
  ["a filter", "title: '$.a[?(@.b==1)]'"],
  ["a wildcard in a text", "title: $.a[*]"],
  ["a descent", "title: $..a"],
  ["a slice", "title: $.a[0:2]"],
  ["no root", "title: a.b"],
  ["a list from the event", "events: '@.a'"],
  ["a kind of its own", "action: { const: exploded }"],
  ["an unknown key", "titel: $.a"],
])("%s is refused with its line", (_what, more) => {
  expect(() => parseMapping(`${base}${more}`, "m.yml")).toThrow(/m\.yml:5:/);
});

test("at most a hundred events of a body are taken, and the rest is said", () => {
  const body = { list: Array.from({ length: 130 }, () => ({})), kind: "pi" };
  const { events: taken, problems } = events("events: $.list[*]", body);
  expect(taken).toHaveLength(100);
  expect(problems).toEqual(["30 of 130 events were left out: at most 100 a call"]);
});

test("any JSON at all gives events and sentences, and no exception", () => {
  const mapping = parseMapping(
    `${base}events: $.list[*]\ntitle: '@.a.b'\nid: $.id\nlink: '@.link'\ntime: { path: '@.t', format: iso }\nidentity: { agent: '@.x', key_hash: '@.h' }\n`,
    "m.yml",
  );
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (list, rest) => {
      const { events: some } = applyMapping(mapping, { list: [list, rest], kind: "pi", id: rest }, "s");
      for (const { title = "", externalId = "", link = "https://x" } of some) {
        expect(title.length).toBeLessThanOrEqual(200);
        expect(externalId.length).toBeLessThanOrEqual(300);
        expect(link).toMatch(/^https:/);
      }
    }),
  );
});
