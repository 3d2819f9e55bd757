import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, test as always, expect } from "vitest";
import { asUser, type DemoWorld, pushFile, startWorld } from "../../src/cli/demo-world.ts";
import { knownIdentities } from "../../src/pipeline/known-identities.ts";
import { decideItem, openCampaign } from "../../src/pipeline/reviews.ts";
import { ensureOpenBao } from "../../src/stand-in/openbao.ts";
import { listIncidents } from "../../src/store/incidents.ts";
import { listItems } from "../../src/store/reviews.ts";
import { until } from "../github/world.ts";
import { real } from "../servers/real.ts";

const test = always.runIf((await real("OpenBao", () => ensureOpenBao())) !== undefined);

let world: DemoWorld | undefined;
afterEach(async () => {
  await world?.stop();
  world = undefined;
});

async function begun(): Promise<DemoWorld> {
  world = await startWorld(() => undefined, { config: "security_team: [dana]\n" });
  const dana = world.github.addUser("dana");
  world.repository.roles.set(dana.login, "read");
  await pushFile(world, world.people.mara, "main", "README.md", "# triage\n");
  const { rekey } = world.server;
  await until(
    "the agent is known",
    () => knownIdentities(rekey),
    (known) => known.some(({ name }) => name === "triage-agent"),
  );
  const dueAt = new Date(Date.now() + 7 * 86_400_000).toISOString();
  await openCampaign(rekey, { name: "Agents <b>", dueAt, by: "the operator", kind: "agent", issueIn: "acme/triage" });
  await until(
    "the issue is there",
    () => world?.github.state.issues.length,
    (count) => count === 1,
  );
  return world;
}

const items = async (w: DemoWorld) =>
  (await listItems(w.server.rekey.database.db)).filter(({ snapshot }) => snapshot.identity.name === "triage-agent");

const say = (w: DemoWorld, login: string, body: string) => {
  const [user, issue] = [w.github.state.users.get(login), w.github.state.issues[0]];
  if (user === undefined || issue === undefined) throw new Error("there is no such user, or no issue");
  return asUser(w, user, "POST", `/issues/${issue.number}/comments`, { body });
};

const answers = (w: DemoWorld) => w.github.state.comments.filter(({ byApp }) => byApp).map(({ body }) => body);

test("a denial by the owner and a second person ends the stored credential, and closes when it is seen dead", {
  timeout: 180_000,
}, async () => {
  const w = await begun();
  const [item] = await items(w);
  expect(item?.snapshot).toMatchObject({
    identity: { name: "triage-agent", owner: "@mara" },
    access: { kind: "stored", connection: "demo-store", path: "secret/agents/triage", field: "OPENROUTER_API_KEY" },
    lifetime: "standing",
  });
  const id = item?.id ?? "";

  await say(w, "dev", `/rekey deny ${id} "I want it gone"`);
  await until(
    "dev is refused",
    () => answers(w),
    (said) => said.some((text) => text.includes("dev may not decide")),
  );
  expect((await items(w))[0]?.state).toBe("open");

  await say(w, "mara", `/rekey deny ${id} "The agent was retired"`);
  await until(
    "a second person is asked for",
    () => answers(w),
    (said) => said.some((text) => text.includes("second person") && text.includes("@dana")),
  );
  expect((await items(w))[0]).toMatchObject({ state: "denied", applied: { state: "refused" } });
  expect(w.provider.keys().find(({ hash }) => hash === w.leakedHash)?.disabled).toBe(false);

  await say(w, "dana", `/rekey deny ${id} "Agreed"`);
  const closed = await until(
    "the item is verified",
    async () => (await items(w))[0],
    (one) => one?.state === "verified",
    120_000,
  );
  expect(w.provider.keys().some(({ hash }) => hash === w.leakedHash)).toBe(false);
  const [incident] = await listIncidents(w.server.rekey.database.db);
  expect(incident).toMatchObject({ id: closed?.applied?.incident, cause: "review", death: { whenFound: false }, resolution: "revoked" });
  await until(
    "the issue says so",
    () => w.github.state.issues[0]?.body ?? "",
    (body) => body.includes(`- [x] **${id}**`) && body.includes("denied and gone"),
  );
  const raw = files(join(w.folder, "db")).map((file) => readFileSync(file).toString("latin1"));
  expect([...raw, ...w.github.state.written].filter((text) => text.includes(w.leaked.slice(12)))).toHaveLength(0);
});

test("one operator who names two people ends nothing in production", { timeout: 120_000 }, async () => {
  const w = await begun();
  const { rekey } = w.server;
  const id = (await items(w))[0]?.id ?? "";
  const deny = (by: string, via: string) => decideItem(rekey, { item: id, verdict: "deny", by, reason: "retired", via });
  await deny("mara", "operator");
  expect(await deny("dana", "api:iga")).toContain("second person");
  expect((await items(w))[0]).toMatchObject({ state: "denied", applied: { state: "refused" } });
  expect((await listIncidents(rekey.database.db))[0]?.run).toBeUndefined();
  expect(w.provider.keys().some(({ hash }) => hash === w.leakedHash)).toBe(true);
});

test("what its author keeps needs a second person, and what changed since is frozen anew", { timeout: 120_000 }, async () => {
  const w = await begun();
  const { rekey } = w.server;
  const [item] = await items(w);
  const id = item?.id ?? "";
  const keep = (by: string, hash = item?.hash ?? "") =>
    decideItem(rekey, { item: id, verdict: "keep", by, reason: "in use", via: "issue", hash });

  await expect(keep("mara", "0123456789abcdef")).rejects.toThrow(/is about snapshot 0123456789abcdef, the item has/);
  await expect(keep("mara")).resolves.toContain("a second person must agree: dana");
  expect((await items(w))[0]?.state).toBe("second-needed");
  await expect(keep("dana")).resolves.toBe(`${id} is kept`);
  expect((await items(w))[0]?.state).toBe("kept");

  const declared = `version: 1
identities:
  - kind: agent
    name: triage-agent
    owner: '@dana'
    credentials:
      - detector: openrouter-api-key
        stored_in: [ { connection: demo-store, path: secret/agents/triage, field: OPENROUTER_API_KEY } ]
`;
  await pushFile(w, w.people.mara, "main", ".rekey/identities.yml", declared);
  await until(
    "the owner has changed",
    () => knownIdentities(rekey),
    (known) => known.find(({ name }) => name === "triage-agent")?.owner === "@dana",
  );
  await expect(keep("dana")).rejects.toThrow(/is not as it was when the review began: its owner changed/);
  expect((await items(w))[0]).toMatchObject({ state: "open", decisions: [], snapshot: { identity: { owner: "@dana" } } });
});

function files(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    const stat = statSync(path);
    return stat.isDirectory() ? files(path) : stat.isFile() ? [path] : [];
  });
}
