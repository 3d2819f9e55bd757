import { expect, test } from "vitest";
import { parseCommand } from "../../src/github/command.ts";

test.each([
  ["/rekey rotate", { verb: "rotate" }],
  ["/rekey rotate RK-7F3K", { verb: "rotate", incident: "RK-7F3K" }],
  ["/rekey rotate rk-7f3k 0123456789ab", { verb: "rotate", incident: "RK-7F3K", hash: "0123456789ab" }],
  ["/rekey approve RK-7F3K 0123456789ab\nplease", { verb: "approve", incident: "RK-7F3K", hash: "0123456789ab" }],
  ['/rekey revoked RK-7F3K "deleted it in the console"', { verb: "revoked", incident: "RK-7F3K", text: "deleted it in the console" }],
  ["/rekey revoked “deleted it”", { verb: "revoked", text: "deleted it" }],
  ['/rekey fp "test data"', { verb: "false-positive", text: "test data" }],
  [
    '/rekey accept RK-7F3K "moves next week" --until 2026-12-31',
    { verb: "accept", incident: "RK-7F3K", text: "moves next week", until: "2026-12-31" },
  ],
  ["/rekey VERIFY", { verb: "verify" }],
])("%s is a command", (body, command) => {
  expect(parseCommand(body)).toEqual({ command });
});

test.each([
  "please /rekey rotate",
  "> /rekey rotate",
  "```\n/rekey rotate\n```",
  "    /rekey rotate",
  "\n/rekey rotate",
  "/rekeyrotate",
  "/rekey",
  "`/rekey rotate`",
  "first line\n/rekey rotate",
])("%j is not a command", (body) => {
  expect(parseCommand(body)).toBeUndefined();
});

test("a verb that is mistyped names the closest one and does nothing", () => {
  expect(parseCommand("/rekey rotat RK-7F3K")).toEqual({ unknown: "rotat", closest: "rotate" });
  expect(parseCommand("/rekey verfy")).toEqual({ unknown: "verfy", closest: "verify" });
});
