import { expect, test } from "vitest";
import { acknowledgement, governanceTiles, overdueByOwner, ownership, timeliness } from "../../src/governance/overview.ts";
import type { IncidentEvent } from "../../src/incident/event.ts";
import { incident, opened } from "../incident/build.ts";
import { campaign, identity, items } from "../web/estate.ts";

const now = "2026-03-02T10:01:00.000Z";
const owned = (owner: string): IncidentEvent => ({
  type: "identity-linked",
  identity: "x",
  kind: "agent",
  name: "x",
  owner,
  grade: "strong",
});
const ack = (by: string): IncidentEvent => ({ type: "acknowledged", by });
const peopleOf = (owner: string) => (owner === "@acme/agents" ? ["Mara"] : []);

test.each([
  ["its owner at once", "10:01", owned("@mara"), ["11:00", ack("Mara")], "owner"],
  ["somebody of the team that owns it", "10:01", owned("@acme/agents"), ["11:00", ack("mara")], "owner"],
  ["somebody of a team that cannot be asked", "10:01", owned("@acme/other"), ["11:00", ack("mara")], "somebody"],
  ["somebody else", "10:01", owned("@mara"), ["11:00", ack("dev")], "somebody"],
  ["its owner, a minute over a day", "10:01", owned("@mara"), ["2026-03-02T10:02:00.000Z", ack("mara")], "late"],
  ["its owner, at the last moment of a day", "10:01", owned("@mara"), ["2026-03-02T10:01:00.000Z", ack("mara")], "owner"],
  ["nobody for a day", "10:01", owned("@mara"), undefined, "not-yet"],
  ["nobody for longer", "2026-03-01T10:00:59.000Z", owned("@mara"), undefined, "never"],
] as const)("acknowledged by %s", (_, found, link, word, expected) => {
  const one = incident(
    "RK-7F3K",
    [found, opened],
    [found, link],
    ...(word === undefined ? [] : [[word[0], word[1]] as [string, IncidentEvent]]),
  );
  expect(acknowledgement(one, { now, peopleOf })).toBe(expected);
});

test.each([
  ["found in history", [["10:01", { ...opened, preExisting: true }]]],
  [
    "dismissed",
    [
      ["10:01", opened],
      ["10:02", { type: "false-positive", by: "dana", reason: "a sample" }],
    ],
  ],
  ["an access that a review denied", [["10:01", { ...opened, cause: "review" }]]],
  [
    "dead before anybody acted",
    [
      ["10:01", opened],
      ["10:02", { type: "dead", proof: "probe", receipts: 3, whenFound: true }],
    ],
  ],
] as [string, [string, IncidentEvent][]][])("%s counts neither way", (_, events) => {
  expect(acknowledgement(incident("RK-7F3K", ...events), { now, peopleOf })).toBeUndefined();
});

test("who did something first is remembered, not who came after", () => {
  const one = incident(
    "RK-7F3K",
    ["10:01", opened],
    ["10:02", { type: "approved", planHash: "p", by: "mara", role: "owner" }],
    ["10:03", ack("dana")],
  );
  expect(one.acknowledgedBy).toBe("mara");
});

test("an owner is accepted only where people wrote it down", () => {
  expect(ownership(identity("a"))).toBe("accepted");
  expect(ownership(identity("a", { ownerBy: "codeowners" }))).toBe("inferred");
  const { owner: _, ...nobodys } = identity("a");
  expect(ownership(nobodys)).toBe("none");
});

test("items are on time, late, overdue or still ahead", () => {
  const ids = (at: string) =>
    Object.fromEntries(
      Object.entries(timeliness(items, [campaign], at)).map(([part, own]) => [part, own.map(({ id }: { id: string }) => id)]),
    );
  expect(ids(now)).toEqual({ onTime: ["RI-7F3KY"], late: ["RI-7F3KZ"], overdue: ["RI-7F3KX", "RI-7F300"], ahead: [] });
  expect(ids("2026-02-20T00:00:00.000Z")).toMatchObject({ overdue: [], ahead: ["RI-7F3KX", "RI-7F300"] });
  expect(overdueByOwner(timeliness(items, [campaign], now).overdue)).toMatchObject([{ owner: "@mara", items: [{}, {}] }]);
});

test("the row as it is read aloud", () => {
  const tiles = governanceTiles({
    identities: [identity("a"), identity("b", { ownerBy: "codeowners", lifetime: "temporary" }), identity("c", { lifetime: "unknown" })],
    campaigns: [campaign],
    items,
    exceptions: [],
    incidents: [incident("RK-7F3K", ["10:01", opened], ["10:01", owned("@mara")], ["11:00", ack("mara")])],
    gaps: [
      { control: "x", phase: "build", gap: "no-owner", sentence: "" },
      { control: "x", phase: "runtime", gap: "no-backup", sentence: "" },
    ],
    controls: true,
    uncovered: [],
    peopleOf,
    now,
  });
  expect(tiles.map(({ title, value, note, calls }) => `${title}: ${value} (${note})${calls ? " !" : ""}`)).toMatchInlineSnapshot(`
    [
      "Identities with an accepted owner: 2 of 3 (1 inferred, 0 without any) !",
      "Reviewed on time: 1 of 4 (1 late, 2 not decided) !",
      "Overdue reviews: 2 (1 owner to ask) !",
      "Standing access: 1 of 3 (1 temporary, 0 inherited or delegated, 1 unknown) !",
      "Accepted risks: 0 (0 end within 14 days, 0 asked for, 0 expired and open again)",
      "Acknowledged by the owner within a day: 1 of 1 (0 by somebody else, 0 late, 0 by nobody)",
      "Controls without an owner: 1 (1 hang on one person) !",
      "Identities that no source covers: 0 of 3 (at build time, at runtime or when they must end)",
    ]
  `);
});
