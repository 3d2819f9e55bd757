import { expect, test } from "vitest";
import { askedHash, exceptionsOf, judgeException, parseEnd, targetsOf } from "../../src/governance/exception.ts";
import type { IncidentEvent } from "../../src/incident/event.ts";
import { incident, opened } from "../incident/build.ts";

const now = "2026-03-01T12:00:00.000Z";
const until = "2026-03-31T23:59:59.000Z";
const asks = (by: string, vouched = true): IncidentEvent => ({ type: "exception-asked", by, reason: "sandbox", until, vouched });
const seen = (validity: "active" | "inactive"): IncidentEvent => ({ type: "validity-observed", validity, code: "200", control: "none" });

function judge(
  by: string,
  agrees: string | undefined,
  options: { vouched?: boolean; refused?: boolean; agreed?: string; leakers?: string[] } = {},
) {
  const one = incident(
    "RK-7F3K",
    ["10:01", opened],
    ["10:02", seen(options.refused === true ? "inactive" : "active")],
    ["10:03", asks(by, options.vouched ?? true)],
    ...(options.agreed === undefined ? [] : ([["10:04", { type: "exception-agreed", by: options.agreed }]] as [string, IncidentEvent][])),
  );
  if (one.asked === undefined) throw new Error("nothing is asked");
  const securityTeam = ["Dana", "@kim"];
  const { sentence: _, ...judged } = {
    sentence: "",
    ...judgeException(one, one.asked, { ...(agrees === undefined ? {} : { agrees }), securityTeam, leakers: options.leakers ?? [] }),
  };
  return judged;
}

test.each([
  ["a developer asks", "dev", undefined, {}, { state: "needed", added: false }],
  ["one of the security team asks alone", "dana", undefined, {}, { state: "needed", added: false }],
  ["the same person agrees, written otherwise", "dana", "@DANA", {}, { state: "needed", added: false }],
  ["another of the security team agrees", "dana", "kim", {}, { state: "accepted", approver: "kim" }],
  ["the security team agrees to a developer", "dev", "dana", {}, { state: "accepted", approver: "dana" }],
  ["another developer agrees", "dana", "dev", {}, { state: "refused" }],
  ["who leaked it agrees", "dev", "dana", { leakers: ["DANA"] }, { state: "refused" }],
  ["the operator asks and one agrees", "the operator", "dana", { vouched: false }, { state: "needed", added: true }],
  ["the operator asks under a login and that one agrees", "kim", "kim", { vouched: false }, { state: "needed", added: true }],
  ["the operator asks and two agree", "the operator", "kim", { vouched: false, agreed: "dana" }, { state: "accepted", approver: "kim" }],
  ["the operator asks and one agrees twice", "the operator", "Dana", { vouched: false, agreed: "dana" }, { state: "needed", added: false }],
  ["a refused key, asked by the security team", "dana", undefined, { refused: true }, { state: "accepted" }],
  ["a refused key, asked by a developer", "dev", undefined, { refused: true }, { state: "needed", added: false }],
])("%s", (_, by, agrees, options, expected) => {
  expect(judge(by, agrees, options)).toEqual(expected);
});

test.each([
  ["2026-03-01", { until: "2026-03-01T23:59:59.000Z" }],
  ["2026-05-30", { until: "2026-05-30T23:59:59.000Z" }],
  ["2026-05-31", { wrong: "An exception lasts at most 90 days (policy.exceptions.max_days): until 2026-05-30 at the latest" }],
  ["2026-02-28", { wrong: "An accepted risk needs an end: `--until YYYY-MM-DD` in the future" }],
  ["2026-04-31", { wrong: "An accepted risk needs an end: `--until YYYY-MM-DD` in the future" }],
  ["soon", { wrong: "An accepted risk needs an end: `--until YYYY-MM-DD` in the future" }],
  [undefined, { wrong: "An accepted risk needs an end: `--until YYYY-MM-DD` in the future" }],
])("an end at %s", (text, expected) => {
  expect(parseEnd(text, now, 90)).toEqual(expected);
});

test("what is agreed to is exactly what was asked", () => {
  const asked = incident("RK-7F3K", ["10:01", opened], ["10:02", asks("dev")]).asked;
  if (asked === undefined) throw new Error("nothing is asked");
  expect(askedHash("RK-7F3K", asked)).toMatch(/^[0-9a-f]{12}$/);
  for (const change of [{ reason: "other" }, { until: "2026-04-01T00:00:00.000Z" }, { at: now }, { by: "eve" }])
    expect(askedHash("RK-7F3K", { ...asked, ...change })).not.toBe(askedHash("RK-7F3K", asked));
  expect(askedHash("RK-7F3M", asked)).not.toBe(askedHash("RK-7F3K", asked));
});

const accepted: IncidentEvent = { type: "accepted", by: "dev", reason: "sandbox", until, approver: "dana" };

test("an exception that ran out opens the incident again and is remembered with its people", () => {
  const one = incident(
    "RK-7F3K",
    ["10:01", opened],
    ["10:02", asks("dev")],
    ["10:03", accepted],
    ["11:00", { type: "acceptance-expired" }],
  );
  expect(one).toMatchObject({ state: "open", clock: { detected: "2026-03-01T10:01:00.000Z" } });
  expect(exceptionsOf([{ ...one, repositories: ["acme/a"] }], now)).toMatchObject([
    { incident: "RK-7F3K", state: "expired", askedBy: "dev", approvedBy: ["dana"], endedAt: "2026-03-01T11:00:00.000Z", open: true },
  ]);
});

test("what one person accepted while it was refused is open again when it lives; what two accepted is not", () => {
  const alone = incident(
    "RK-7F3K",
    ["10:01", opened],
    ["10:02", seen("inactive")],
    ["10:03", { ...accepted, by: "dana", approver: undefined as never }],
    ["10:04", seen("active")],
  );
  expect(alone).toMatchObject({ state: "open", lapsed: [{ why: "the credential is alive, and one person alone accepted its risk" }] });
  const both = incident("RK-7F3K", ["10:01", opened], ["10:03", asks("dev")], ["10:03", accepted], ["10:04", seen("active")]);
  expect(both).toMatchObject({ state: "resolved", acceptance: { people: 2 } });
  const program = incident(
    "RK-7F3K",
    ["10:01", opened],
    ["10:02", seen("inactive")],
    ["10:03", asks("token iga", false)],
    ["10:03", { ...accepted, by: "token iga" }],
    ["10:04", seen("active")],
  );
  expect(program.state).toBe("open");
});

test("the list has what waits first, then what ends soonest", () => {
  const listed = (one: ReturnType<typeof incident>) => ({ ...one, repositories: [] });
  const far = { ...accepted, until: "2026-05-01T00:00:00.000Z" };
  const near = { ...accepted, until: "2026-03-15T11:00:00.000Z" };
  const rows = exceptionsOf(
    [
      listed(incident("RK-0001", ["10:01", opened], ["10:02", far])),
      listed(incident("RK-0002", ["10:01", opened], ["10:02", near])),
      listed(incident("RK-0003", ["10:01", opened], ["10:02", asks("dev")])),
      listed(incident("RK-0004", ["10:01", opened], ["10:02", { type: "false-positive", by: "dana", reason: "a sample" }])),
      listed(incident("RK-0005", ["10:01", opened], ["10:02", far], ["10:03", { type: "exception-ended", by: "kim", reason: "over" }])),
      listed(
        incident("RK-0006", ["10:01", opened], ["10:02", asks("dev")], ["10:03", { type: "exception-declined", by: "dana", reason: "no" }]),
      ),
    ],
    now,
  );
  expect(rows.map(({ incident: id, state, kind }) => `${id} ${state} ${kind}`)).toEqual([
    "RK-0003 asked accepted-risk",
    "RK-0002 expiring accepted-risk",
    "RK-0001 active accepted-risk",
    "RK-0004 active false-positive",
    "RK-0005 ended accepted-risk",
  ]);
});

test("an exception by fingerprint or identity is about what is open", () => {
  const agent: IncidentEvent = { type: "identity-linked", identity: "agent:x#a", kind: "agent", name: "a", grade: "strong" };
  const open = incident("RK-0001", ["10:01", opened], ["10:01", agent]);
  const closed = incident(
    "RK-0002",
    ["10:01", opened],
    ["10:01", agent],
    ["10:02", { type: "revoked-by-statement", by: "dev", how: "console" }],
  );
  const other = incident("RK-0003", ["10:01", { ...opened, credential: { ...opened.credential, fingerprint: "fp1:test:bbbb" } }]);
  const ids = (target: string) => targetsOf([open, closed, other], target).map(({ id }) => id);
  expect(ids("agent:x#a")).toEqual(["RK-0001"]);
  expect(ids("fp1:test:aaaa")).toEqual(["RK-0001"]);
  expect(ids("fp1:test:aaa")).toEqual([]);
  expect(ids("RK-0003")).toEqual(["RK-0003"]);
});
