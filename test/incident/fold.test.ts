import { expect, test } from "vitest";
import { fold, isNews } from "../../src/incident/fold.ts";
import { incidentId, parseIncidentId } from "../../src/incident/id.ts";
import { severityOf } from "../../src/incident/severity.ts";
import { slaOf } from "../../src/incident/sla.ts";
import { incident, opened, recorded } from "./build.ts";

const dead = { type: "dead", proof: "probe", receipts: 3, whenFound: false } as const;
const at = (time: string) => `2026-03-01T${time}:00.000Z`;

test("the clock of a whole rotation", () => {
  const { clock, state, resolution, validity } = incident(
    "RK-7F3K",
    ["10:01", opened],
    ["10:01", { type: "validity-observed", validity: "active", code: "200", control: "none" }],
    ["10:05", { type: "approved", planHash: "p", by: "mara", role: "owner" }],
    ["10:05", { type: "run-started", run: "r1", planHash: "p" }],
    ["10:06", { type: "contained", run: "r1" }],
    ["10:08", { type: "replaced", run: "r1" }],
    ["10:09", { type: "revoked", run: "r1" }],
    ["10:10", dead],
    ["10:10", { type: "run-ended", run: "r1", result: "done" }],
    ["10:11", { type: "closed", resolution: "revoked" }],
  );
  expect(clock).toEqual({
    exposed: at("10:00"),
    detected: at("10:01"),
    acknowledged: at("10:05"),
    contained: at("10:06"),
    replaced: at("10:08"),
    revoked: at("10:09"),
    dead: at("10:10"),
    closed: at("10:10"),
  });
  expect({ state, resolution, validity }).toEqual({ state: "resolved", resolution: "revoked", validity: "inactive" });
});

test("a committer's clock in the future does not expose a key after it was seen", () => {
  expect(incident("RK-7F3K", ["10:01", { ...opened, exposedAt: at("23:00") }]).clock.exposed).toBe(at("10:01"));
});

test("an unclear answer does not change what is known", () => {
  const seen = incident(
    "RK-7F3K",
    ["10:01", opened],
    ["10:02", { type: "validity-observed", validity: "active", code: "200", control: "none" }],
    ["10:03", { type: "validity-observed", validity: "unknown", code: "429", control: "none" }],
  );
  expect(seen).toMatchObject({ validity: "active", validityCode: "429" });
});

test.each([
  ["a statement", { type: "revoked-by-statement", by: "dev", how: "in the console" } as const],
  ["a proof of death", dead],
])("a key that answers again reopens after %s, and the clock runs on", (_, end) => {
  const again = incident(
    "RK-7F3K",
    ["10:01", opened],
    ["10:02", end],
    ["11:00", { type: "validity-observed", validity: "active", code: "200", control: "none" }],
  );
  expect(again).toMatchObject({ state: "open", clock: { detected: at("10:01") }, reopened: [{ at: at("11:00") }] });
  for (const field of ["resolution", "statement", "death"] as const) expect(again[field]).toBeUndefined();
  expect(again.clock.dead).toBeUndefined();
});

test("an accepted risk stays accepted while the key lives, until its date", () => {
  const accepted = recorded(
    "RK-7F3K",
    ["10:01", opened],
    ["10:02", { type: "accepted", by: "mara", reason: "sandbox", until: "2026-04-01T00:00:00.000Z", approver: "dana" }],
    ["10:03", { type: "validity-observed", validity: "active", code: "200", control: "none" }],
    ["12:00", { type: "acceptance-expired" }],
  );
  expect(fold(accepted.slice(0, 3))).toMatchObject({ state: "resolved", resolution: "wont_fix", acceptance: { by: "mara" } });
  expect(fold(accepted)).toMatchObject({ state: "open", clock: { detected: at("10:01") } });
  expect(fold(accepted).acceptance).toBeUndefined();
});

test("a run that was undone takes back containment and replacement", () => {
  const undone = incident(
    "RK-7F3K",
    ["10:01", opened],
    ["10:02", { type: "run-started", run: "r1", planHash: "p" }],
    ["10:03", { type: "replaced", run: "r1" }],
    ["10:04", { type: "run-held", run: "r1", code: "sink-conflict", message: "somebody else wrote" }],
    ["10:05", { type: "run-ended", run: "r1", result: "undone" }],
  );
  expect(undone.clock.replaced).toBeUndefined();
  expect(undone.run).toEqual({ id: "r1", planHash: "p", state: "undone" });
});

test("a run that ended held keeps saying why", () => {
  const held = incident(
    "RK-7F3K",
    ["10:01", opened],
    ["10:02", { type: "run-started", run: "r1", planHash: "p" }],
    ["10:03", { type: "run-held", run: "r1", code: "sink-conflict", message: "somebody else wrote" }],
    ["10:04", { type: "run-ended", run: "r1", result: "held" }],
  );
  expect(held.run).toEqual({ id: "r1", planHash: "p", state: "held", code: "sink-conflict", message: "somebody else wrote" });
});

test("the strongest identity that has an owner gives the owner", () => {
  const link = (identity: string, grade: string, owner?: string) =>
    ({ type: "identity-linked", identity, kind: "agent", name: identity, grade, ...(owner === undefined ? {} : { owner }) }) as const;
  const linked = incident(
    "RK-7F3K",
    ["10:01", opened],
    ["10:01", link("a", "weak", "@weak")],
    ["10:01", link("b", "confirmed")],
    ["10:02", link("c", "strong", "@mara")],
  );
  expect(linked.identities.map(({ id }) => id)).toEqual(["b", "c", "a"]);
  expect(linked.owner).toBe("@mara");
  const relinked = recorded("RK-7F3K", ["10:01", opened], ["10:01", link("a", "weak")], ["10:02", link("a", "strong", "@mara")]);
  expect(fold(relinked).identities).toHaveLength(1);
});

test("what an incident shows already is no news", () => {
  const link = { type: "identity-linked", identity: "a", kind: "agent", name: "a", grade: "strong", owner: "@mara" } as const;
  const known = incident("RK-7F3K", ["10:01", opened], ["10:01", link], ["10:02", { type: "planned", planHash: "p", playbook: "x@1" }]);
  expect(isNews(known, link)).toBe(false);
  expect(isNews(known, { ...link, grade: "confirmed" })).toBe(true);
  expect(isNews(known, { ...link, environment: "staging" })).toBe(true);
  expect(isNews(known, { ...link, identity: "b" })).toBe(true);
  expect(isNews(known, { type: "planned", planHash: "p", playbook: "x@1" })).toBe(false);
  expect(isNews(known, { type: "planned", planHash: "q", playbook: "x@1" })).toBe(true);
  expect(isNews(known, { type: "contained" })).toBe(true);
});

test("events with a gap, twice opened or without a start are an error", () => {
  const events = recorded("RK-7F3K", ["10:01", opened], ["10:02", { type: "contained" }], ["10:03", dead]);
  expect(() => fold(events.toSpliced(1, 1))).toThrow("event 2 of RK-7F3K is missing");
  expect(() => fold(events.slice(1))).toThrow("start with 'opened'");
  expect(() => fold([])).toThrow("start with 'opened'");
  expect(() => incident("RK-7F3K", ["10:01", opened], ["10:02", opened])).toThrow("opened twice");
});

test("ids avoid letters that are misheard and are read as people type them", () => {
  expect(incidentId(Uint8Array.from([0, 31, 32, 18, 255, 17]), 6)).toBe("RK-0Z0JZH");
  expect(parseIncidentId(" rk-o1il ")).toBe("RK-0111");
  for (const wrong of ["RK-123", "RK-12345678Z", "RK-UUUU", "XK-1234", "RK-12 34", "RK-1234\nRK-1234"])
    expect(parseIncidentId(wrong)).toBeUndefined();
});

test("severity follows what the key can still do", () => {
  expect(severityOf({ severity: "medium", validity: "active", public: true })).toBe("critical");
  expect(severityOf({ severity: "medium", validity: "active", public: false })).toBe("medium");
  expect(severityOf({ severity: "critical", validity: "inactive", public: true })).toBe("low");
  expect(severityOf({ severity: "info", validity: "inactive", public: true })).toBe("info");
});

test("the time allowed follows danger, and an unknown environment counts as production", () => {
  const hour = 3_600_000;
  const allowed = (environment?: string) => slaOf({ severity: "high", validity: "active", environment }).dead / hour;
  expect([allowed(), allowed("prod"), allowed("production-eu"), allowed("staging"), allowed("Dev")]).toEqual([24, 24, 24, 168, 168]);
  expect(slaOf({ severity: "high", validity: "active", public: true })).toEqual({ contain: hour / 4, dead: 4 * hour });
  expect(slaOf({ severity: "high", validity: "unknown" }).dead).toBe(72 * hour);
});
