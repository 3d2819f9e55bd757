import { expect, test } from "vitest";
import type { IncidentEvent } from "../../src/incident/event.ts";
import type { Incident } from "../../src/incident/fold.ts";
import { formatDuration, formatShare } from "../../src/metric/duration.ts";
import { summarize } from "../../src/metric/summary.ts";
import { metricsJson } from "../../src/report/metrics-json.ts";
import { metricsText } from "../../src/report/metrics-text.ts";
import { incident, opened } from "../incident/build.ts";

const now = "2026-03-02T10:01:00.000Z";
const dead = (whenFound = false): IncidentEvent => ({ type: "dead", proof: "probe", receipts: 3, whenFound });
const alive: IncidentEvent = { type: "validity-observed", validity: "active", code: "200", control: "none" };
const owned: IncidentEvent = {
  type: "identity-linked",
  identity: "agent:x#triage",
  kind: "agent",
  name: "triage-agent",
  owner: "@mara",
  grade: "strong",
};

const everyKind: Incident[] = [
  incident("RK-0001", ["10:01", opened], ["10:01", alive], ["10:31", dead()]),
  incident("RK-0002", ["10:01", opened], ["10:02", dead(true)]),
  incident("RK-0003", ["10:01", opened], ["11:01", { type: "revoked-by-statement", by: "dev", how: "console" }]),
  incident("RK-0004", ["10:01", opened], ["12:01", { type: "accepted", by: "mara", reason: "sandbox", until: "2027-01-01T00:00:00.000Z" }]),
  incident("RK-0005", ["10:01", opened], ["12:01", { type: "false-positive", by: "dev", reason: "sample" }]),
  incident("RK-0006", ["10:01", opened], ["12:01", { type: "used-in-tests", by: "dev", reason: "fixture" }]),
  incident("RK-0007", ["10:01", opened], ["10:02", alive], ["10:02", owned]),
  incident("RK-0008", ["09:01", { ...opened, severity: "medium" }]),
  incident("RK-0009", ["10:01", { ...opened, exposedAt: "2024-03-01T10:00:00.000Z", preExisting: true }], ["10:01", dead()]),
];

test("proven dead, stated and accepted are three numbers, and what is in no curve is counted apart", () => {
  const summary = summarize(everyKind, now);
  expect(summary).toMatchObject({
    incidents: 9,
    live: 1,
    provenDead: 2,
    revokedByStatement: 1,
    accepted: 1,
    deadWhenFound: 1,
    dismissed: 2,
  });
  expect(summary.open.map(({ id }) => id)).toEqual(["RK-0007", "RK-0008"]);
});

test("open, stated and accepted ones are censored; death is the only event on the curve", () => {
  const { remediation, exposure, preExisting } = summarize(everyKind, now);
  const hour = 3_600_000;
  expect(remediation.survival.steps.map(({ ms, events, censored }) => [ms / hour, events, censored])).toEqual([
    [0.5, 1, 0],
    [1, 0, 1],
    [2, 0, 1],
    [24, 0, 1],
    [25, 0, 1],
  ]);
  expect(remediation.within.map(({ label, share }) => [label, share])).toEqual([
    ["1 h", expect.closeTo(0.2)],
    ["24 h", expect.closeTo(0.2)],
    ["7 d", undefined],
  ]);
  expect(exposure.survival.steps[0]?.ms).toBe(31 * 60_000);
  expect(preExisting.survival).toMatchObject({ n: 1, events: 1 });
});

test("a death that a living key contradicted leaves the curve again", () => {
  const reopened = incident("RK-0001", ["10:01", opened], ["10:31", dead()], ["11:00", alive]);
  expect(summarize([reopened], now)).toMatchObject({ provenDead: 0, live: 1, remediation: { survival: { n: 1, events: 0 } } });
});

test("ages fall into their bucket, the lower bound inside", () => {
  const aged = (id: string, detected: string) => incident(id, [detected, opened]);
  const open = [
    aged("RK-0001", now),
    aged("RK-0002", "2026-03-02T09:01:00.000Z"),
    aged("RK-0003", "2026-03-02T09:01:00.001Z"),
    aged("RK-0004", "2025-03-02T09:01:00.000Z"),
  ];
  expect(summarize(open, now).openByAge.map(({ count }) => count)).toEqual([2, 1, 0, 0, 0, 1]);
  expect(summarize(open, now).overdue).toBe(1);
});

test("the report for a terminal, under ten incidents", () => {
  expect(
    metricsText(summarize(everyKind, now), everyKind),
  ).toBe(`1 leaked credential is alive; the oldest for 1 d (RK-0007, owned by @mara).

Open
  RK-0007  alive      1 d      high    @mara     triage-agent      OpenRouter API key
  RK-0008  not known  1 d 1 h  medium  no owner  unknown identity  OpenRouter API key

Proven dead 2, revoked by statement 1, accepted 1. Counted apart: dead when found 1, dismissed 2.

Time to remediate (detected to dead; a median is given from 10 incidents on)
  RK-0001  30 min  OpenRouter API key

Pre-existing, found in history: 1 dead of 1

Open by age
  under 1 h      0
  1 h to 24 h    0
  1 to 7 days    2
  7 to 30 days   0
  30 to 90 days  0
  over 90 days   0
`);
});

test("from ten incidents on there is a median with its interval", () => {
  const minutes = [5, 8, 12, 20, 25, 40, 50, 55];
  const many = minutes.map((minute, index) =>
    incident(`RK-100${index}`, ["10:00", opened], [`10:${String(minute).padStart(2, "0")}`, dead()]),
  );
  const all = [...many, incident("RK-1008", ["10:00", opened]), incident("RK-1009", ["10:00", opened])];
  const text = metricsText(summarize(all, "2026-03-11T10:00:00.000Z"), all);
  expect(text).toContain("Time to remediate  median 32 min 30 s (95 % interval 5 min to 55 min; 8 dead of 10)\n");
  expect(text).toContain("Dead within        1 h 80 % (53 % to 96.9 %), 24 h 80 % (53 % to 96.9 %)");
});

test("without any incident it says so", () => {
  expect(metricsText(summarize([], now), [])).toBe(
    "No leaked credential has been found yet.\n\nProven dead 0, revoked by statement 0, accepted 0. Counted apart: dead when found 0, dismissed 0.\n",
  );
});

test("a stranger's text cannot drive the terminal", () => {
  const evil = incident("RK-0001", ["10:01", opened], ["10:01", { ...owned, name: "a\u001b[2Jb\u202e", owner: "@x\n" }]);
  const text = metricsText(summarize([evil], now), [evil]);
  expect(text).not.toMatch(/[\u001b\u202e]/);
  expect(text).toContain("a?[2Jb?");
});

test("the JSON has numbers in milliseconds and null for what is not known", () => {
  const json = JSON.parse(JSON.stringify(metricsJson(summarize(everyKind, now))));
  expect(json).toMatchObject({
    version: 1,
    at: now,
    open: { total: 2, live: 1, overdue: 0 },
    timeToRemediate: { n: 5, dead: 1, median: null, interval: { low: 1_800_000, high: null } },
    openIncidents: [
      { id: "RK-0007", owner: "@mara", identity: "triage-agent", age: 86_400_000 },
      { id: "RK-0008", owner: null },
    ],
  });
});

test.each([
  [0, "0 s"],
  [420, "0.4 s"],
  [9949, "9.9 s"],
  [42_400, "42 s"],
  [59_700, "1 min"],
  [425_000, "7 min 5 s"],
  [3_599_900, "1 h"],
  [11_520_000, "3 h 12 min"],
  [86_399_999, "1 d"],
  [1_051_200_000, "12 d 4 h"],
])("%d ms is %s", (ms, text) => expect(formatDuration(ms)).toBe(text));

test.each([
  [0, "0 %"],
  [0.004, "0.4 %"],
  [0.18, "18 %"],
  [0.9949, "99.5 %"],
  [1, "100 %"],
])("a share of %d is %s", (share, text) => expect(formatShare(share)).toBe(text));
