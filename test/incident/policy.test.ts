import { expect, test } from "vitest";
import { type ApprovalQuestion, judgeApprovals, judgeBreakGlass, waitingTime } from "../../src/incident/policy.ts";

const now = "2026-03-01T12:00:00.000Z";
const base: ApprovalQuestion = {
  risk: "irreversible",
  environment: "production",
  requester: "mara",
  requesterHasWrite: true,
  leakers: ["dev"],
  owners: ["mara"],
  securityTeam: ["sven", "sara"],
  approvals: [],
};
const judge = (change: Partial<ApprovalQuestion>) => judgeApprovals({ ...base, ...change }, now);
const by = (...people: string[]) => people.map((person) => ({ by: person, at: now }));

test("a reversible disable needs no approval: anybody with write, the leaker included, or the owner", () => {
  const disable = { risk: "reversible-disable", securityTeam: [] } as const;
  expect(judge({ ...disable, requester: "dev" })).toEqual({ state: "granted", by: ["dev"] });
  expect(judge({ ...disable, requesterHasWrite: false })).toEqual({ state: "granted", by: ["mara"] });
  expect(judge({ ...disable, requester: "stranger", requesterHasWrite: false }).state).toBe("refused");
});

test("a graceful rotation outside production needs its owner, who may have asked for it", () => {
  const staging = { risk: "graceful", environment: "staging" } as const;
  expect(judge(staging)).toMatchObject({
    state: "needed",
    from: ["mara"],
    sentence: "This needs a yes of the owner of the identity: @mara.",
  });
  expect(judge({ ...staging, approvals: by("@Mara") })).toEqual({ state: "granted", by: ["mara"] });
  expect(judge({ ...staging, approvals: by("sven") }).state).toBe("needed");
  expect(judge({ ...staging, owners: [], approvals: by("sven") })).toEqual({ state: "granted", by: ["sven"] });
  expect(judge({ ...staging, owners: [], securityTeam: [] }).state).toBe("refused");
});

test.each([["production"], [undefined], ["eu-live"]])("in %s an end needs a second person who did not leak it", (environment) => {
  for (const risk of ["irreversible", "graceful"] as const) {
    const ask = { risk, environment };
    expect(judge({ ...ask, approvals: by("mara") })).toMatchObject({ state: "needed", from: ["sven", "sara"] });
    expect(judge({ ...ask, approvals: by("sven") })).toEqual({ state: "granted", by: ["sven"] });
    expect(judge({ ...ask, leakers: ["SVEN"], approvals: by("sven") })).toMatchObject({ state: "needed", from: ["sara"] });
    expect(judge({ ...ask, requester: "sven", approvals: by("sven") }).state).toBe("needed");
    expect(judge({ ...ask, requester: "sven", approvals: by("mara") })).toEqual({ state: "granted", by: ["mara"] });
  }
});

test("a leaker who asks leaves the yes to the one person who may give it", () => {
  expect(judge({ requester: "dev", owners: ["dev", "mara"], securityTeam: [] })).toMatchObject({ state: "needed", from: ["mara"] });
  expect(judge({ requester: "dev", owners: ["dev", "mara"], securityTeam: [], approvals: by("mara") }).state).toBe("granted");
});

test("one eligible person confirms and waits instead of a hold for ever", () => {
  const alone = { securityTeam: [] };
  expect(judge(alone)).toMatchObject({ state: "needed", from: ["mara"], sentence: expect.stringContaining("waits 4 hours") });
  const answer = judge({ ...alone, approvals: [{ by: "mara", at: "2026-03-01T11:00:00.000Z" }] });
  expect(answer).toMatchObject({
    state: "waiting-time",
    afterMs: waitingTime - 3_600_000,
    sentence: expect.stringContaining("2026-03-01T15:00:00.000Z"),
  });
  expect(judge({ ...alone, approvals: [{ by: "mara", at: "2026-03-01T08:00:00.000Z" }] })).toEqual({ state: "granted", by: ["mara"] });
});

test("where only leakers could approve, nobody can, and it says what to do", () => {
  expect(judge({ owners: ["dev"], securityTeam: [], requester: "dev", approvals: by("dev") })).toEqual({
    state: "refused",
    sentence: "Nobody but the people who leaked the credential may approve; name a security team (security_team in rekey.yml).",
  });
});

test("break-glass takes two people who may approve and did not leak, within an hour (I11)", () => {
  const glass = (login: string, minutesAgo: number, role = "break-glass") => ({
    by: login,
    role,
    at: new Date(Date.parse(now) - minutesAgo * 60_000).toISOString(),
  });
  const ask = (approvals: ReturnType<typeof glass>[], change: Partial<ApprovalQuestion> = {}) =>
    judgeBreakGlass({ ...base, owners: ["mara"], securityTeam: ["sven", "tara"], leakers: ["dev"], approvals, ...change }, now);
  expect(ask([glass("mara", 1), glass("sven", 30)])).toEqual({ state: "granted", by: ["mara", "sven"] });
  expect(ask([glass("mara", 1)])).toMatchObject({ state: "needed", from: ["sven", "tara"] });
  expect(ask([glass("mara", 1), glass("mara", 2)]), "the same person twice").toMatchObject({ state: "needed" });
  expect(ask([glass("mara", 1), glass("sven", 61)]), "one is too old").toMatchObject({ state: "needed" });
  expect(ask([glass("mara", 1), glass("sven", 1, "owner")]), "an ordinary approval is no break-glass").toMatchObject({ state: "needed" });
  expect(ask([glass("mara", 1), glass("dev", 1)]), "a leaker does not count").toMatchObject({ state: "needed" });
  expect(ask([], { securityTeam: [] })).toMatchObject({ state: "refused" });
});

test("outside production the operator of the server may approve, and the policy only where it is switched on", () => {
  const staging = { environment: "staging", risk: "graceful" as const, owners: ["mara"] };
  const by = (login: string) => [{ by: login, at: now }];
  expect(judge({ ...staging, approvals: by("the operator") }).state).toBe("granted");
  expect(judge({ ...staging, approvals: by("the policy") }).state).toBe("needed");
  expect(judge({ ...staging, approvals: by("the policy"), automatic: true }).state).toBe("granted");
  expect(judge({ environment: "production", risk: "graceful", approvals: by("the policy"), automatic: true }).state).not.toBe("granted");
});
