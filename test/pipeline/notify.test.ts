import { createHmac, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { parseServerConfig } from "../../src/config/server.ts";
import type { IncidentEvent } from "../../src/incident/event.ts";
import { silentLog } from "../../src/log.ts";
import type { Rekey } from "../../src/pipeline/context.ts";
import { tellOutside } from "../../src/pipeline/notify.ts";
import { Secret } from "../../src/secret.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { openOrAddOccurrence, recordEvents } from "../../src/store/incidents.ts";
import { finding } from "../store/findings.ts";

interface Received {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

const folder = mkdtempSync(join(tmpdir(), "rekey-notify-"));
const received: Received[] = [];
/** Jira's issues: key → what it was made with, and its comments. */
const issues = new Map<string, { labels: string[]; fields: object; comments: object[] }>();
let answer: (of: Received) => number = () => 200;
let database: Database;
let url: string;
const outside = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const one = { path: request.url ?? "", headers: request.headers, body: Buffer.concat(chunks).toString() };
  received.push(one);
  const status = answer(one);
  response.writeHead(status, { "content-type": "application/json" });
  response.end(one.path.startsWith("/rest/") ? JSON.stringify(jira(one, status)) : "ok");
});

function jira({ path, body }: Received, status: number): object {
  if (path.startsWith("/rest/api/3/search/jql")) {
    const label = /labels = "([^"]+)"/.exec(decodeURIComponent(path.replaceAll("+", " ")))?.[1] ?? "";
    return { issues: [...issues].filter(([, { labels }]) => labels.includes(label)).map(([key]) => ({ key })) };
  }
  const parsed = JSON.parse(body) as { fields?: { labels: string[] }; body?: object };
  const of = /issue\/([A-Z]+-\d+)\/comment/.exec(path)?.[1];
  if (of !== undefined) issues.get(of)?.comments.push(parsed.body ?? {});
  else issues.set(`SEC-${issues.size + 1}`, { labels: parsed.fields?.labels ?? [], fields: parsed.fields ?? {}, comments: [] });
  return status < 300 ? { key: of ?? `SEC-${issues.size}` } : {};
}

beforeAll(async () => {
  database = await openDatabase({ dataDir: join(folder, "db") });
  await new Promise<void>((resolve) => outside.listen(0, "127.0.0.1", () => resolve()));
  const address = outside.address();
  url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
});
afterAll(async () => {
  await database.close();
  outside.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  received.length = 0;
  issues.clear();
  answer = () => 200;
  await sql`delete from outbox`.execute(database.db);
  await sql`update incident set told_seq = seq, told_overdue = true`.execute(database.db);
});

const key = randomBytes(24);
const slackPath = `/services/${randomBytes(12).toString("hex")}`;

function server(targets: string, rollout = "comment"): Rekey {
  return {
    config: parseServerConfig(
      `notify:\n${targets}\npolicy: { rollout: ${rollout} }\nlogin: { url: "https://rekey.example", github: { client_id: x, client_secret: "env:X" } }\n`,
      "rekey.yml",
    ),
    database,
    credential: (reference: string) =>
      Secret.from(
        { "env:SLACK": `${url}${slackPath}`, "env:HOOK": `whsec_${key.toString("base64")}`, "env:JIRA": "bot@acme.example:token" }[
          reference
        ] ?? "",
      ),
    log: silentLog,
  } as unknown as Rekey;
}

const hook = (more = "") => `  - { name: siem, type: webhook, url: "${url}/hook", secret: "env:HOOK"${more} }`;

async function leaked(change: { preExisting?: boolean; title?: string } = {}, ...events: IncidentEvent[]): Promise<string> {
  const seen = {
    finding: finding(change.title === undefined ? {} : { title: change.title }),
    exposedAt: new Date().toISOString(),
    preExisting: change.preExisting ?? false,
    repository: "acme/agents",
  };
  const { incident } = await database.db.transaction().execute((trx) => openOrAddOccurrence(trx, seen));
  if (events.length > 0) await record(incident.id, ...events);
  return incident.id;
}

async function record(id: string, ...events: IncidentEvent[]): Promise<void> {
  await database.db.transaction().execute((trx) => recordEvents(trx, id, events));
}

const triage: IncidentEvent = {
  type: "identity-linked",
  identity: "agent:x",
  kind: "agent",
  name: "triage",
  owner: "@mara",
  grade: "confirmed",
};
const dead: IncidentEvent = { type: "dead", proof: "probe", receipts: 3, whenFound: false };

test("a signed webhook is told each thing once, after Standard Webhooks", async () => {
  const rekey = server(hook());
  const id = await leaked({}, triage);
  await tellOutside(rekey);
  await tellOutside(rekey);
  expect(received).toHaveLength(1);
  const [first] = received;
  const { "webhook-id": message, "webhook-timestamp": at, "webhook-signature": signature } = first?.headers ?? {};
  expect(signature).toBe(`v1,${createHmac("sha256", key).update(`${message}.${at}.${first?.body}`).digest("base64")}`);
  expect(JSON.parse(first?.body ?? "")).toMatchObject({
    type: "incident.opened",
    data: {
      sentence: `${id}: OpenRouter API key of agent triage leaked in acme/agents; owner @mara.`,
      incident: {
        id,
        severity: "high",
        owner: "@mara",
        identities: [{ kind: "agent", name: "triage" }],
        url: `https://rekey.example/incidents/${id}`,
      },
    },
  });
  await record(id, dead);
  await tellOutside(rekey);
  expect(received.map(({ body }) => (JSON.parse(body) as { type: string }).type)).toEqual(["incident.opened", "incident.dead"]);
  expect(new Set(received.map(({ headers }) => headers["webhook-id"])).size).toBe(2);
});

test("what was not taken is sent again under the same id, later; what is refused for good is not", async () => {
  const rekey = server(hook());
  await leaked();
  answer = () => 503;
  await tellOutside(rekey);
  await tellOutside(rekey);
  expect(received, "it waits before it tries again").toHaveLength(1);
  answer = () => 200;
  await sql`update outbox set updated_at = now() - interval '1 minute'`.execute(database.db);
  await tellOutside(rekey);
  expect(received).toHaveLength(2);
  expect(received[1]?.headers["webhook-id"]).toBe(received[0]?.headers["webhook-id"]);

  await leaked();
  answer = () => 410;
  await tellOutside(rekey);
  await sql`update outbox set updated_at = now() - interval '1 day'`.execute(database.db);
  await tellOutside(rekey);
  expect(received).toHaveLength(3);
});

test("two workers at once tell it once", async () => {
  const rekey = server(hook());
  await leaked();
  await Promise.all([tellOutside(rekey), tellOutside(rekey), tellOutside(rekey)]);
  await tellOutside(rekey);
  expect(received).toHaveLength(1);
});

test("a target is told only what it is for", async () => {
  const rekey = server(
    [
      `  - { name: dead-only, type: webhook, url: "${url}/dead", secret: "env:HOOK", when: [dead] }`,
      `  - { name: critical, type: webhook, url: "${url}/critical", secret: "env:HOOK", severity: critical }`,
      `  - { name: maras, type: webhook, url: "${url}/maras", secret: "env:HOOK", owners: ["@mara"] }`,
      `  - { name: others, type: webhook, url: "${url}/others", secret: "env:HOOK", owners: ["@kim"] }`,
      `  - { name: staging, type: webhook, url: "${url}/staging", secret: "env:HOOK", environment: other }`,
      `  - { name: elsewhere, type: webhook, url: "${url}/elsewhere", secret: "env:HOOK", repositories: ["acme/other"] }`,
    ].join("\n"),
  );
  await leaked({}, triage, dead);
  await tellOutside(rekey);
  expect(received.map(({ path }) => path).toSorted()).toEqual(["/dead", "/maras", "/maras"]);
});

test("history is nobody's news, and at observe nothing leaves", async () => {
  await leaked({ preExisting: true }, triage);
  await tellOutside(server(hook()));
  await leaked({}, triage);
  await tellOutside(server(hook(), "observe"));
  expect(received).toEqual([]);
  await tellOutside(server(hook()));
  expect(received, "what happened while it only observed is no news later").toEqual([]);
});

test("what is past its time is told once", async () => {
  const rekey = server(hook(", when: [overdue]"));
  const id = await leaked({}, triage);
  await tellOutside(rekey);
  expect(received).toEqual([]);
  await sql`update incident set detected_at = now() - interval '8 days',
    body = jsonb_set(body, '{clock,detected}', to_jsonb((now() - interval '8 days')::text)) where id = ${id}`.execute(database.db);
  await tellOutside(rekey);
  await tellOutside(rekey);
  expect(received.map(({ body }) => (JSON.parse(body) as { type: string }).type)).toEqual(["incident.overdue"]);
});

test("Slack shows what a stranger wrote as text: no mention, no link, no markup; its address is in no table", async () => {
  const rekey = server(`  - { name: chat, type: slack, url: "env:SLACK" }`);
  await leaked({ title: "<!channel> <https://evil.example|key> *bold* @here & `x`" });
  await tellOutside(rekey);
  const [{ path, body } = { path: "", body: "{}" }] = received;
  expect(path).toBe(slackPath);
  const { text, link_names } = JSON.parse(body) as { text: string; link_names: boolean };
  expect(link_names).toBe(false);
  expect(text).toContain("&lt;!channel&gt; &lt;https://evil.example|key&gt;");
  expect(text).not.toMatch(/<!|@here|<http/);
  const { rows } = await sql<object>`select * from outbox`.execute(database.db);
  expect(JSON.stringify(rows)).not.toContain(slackPath);
});

test("Jira has one issue an incident, also after a lost answer, and is told what became of it", async () => {
  const rekey = server(`  - { name: board, type: jira, url: "${url}", project: SEC, credential: "env:JIRA" }`);
  const id = await leaked({}, triage);
  answer = ({ path }) => (path === "/rest/api/3/issue" ? 502 : 200);
  await tellOutside(rekey);
  answer = () => 200;
  await sql`update outbox set updated_at = now() - interval '1 minute'`.execute(database.db);
  await tellOutside(rekey);
  expect([...issues.keys()]).toEqual(["SEC-1"]);
  expect(issues.get("SEC-1")).toMatchObject({
    labels: ["rekey", `rekey-${id}`],
    fields: { summary: `${id}: OpenRouter API key`, issuetype: { name: "Task" } },
  });
  await record(id, dead);
  await tellOutside(rekey);
  expect(JSON.stringify(issues.get("SEC-1")?.comments)).toContain("is proven dead.");
  expect(received[0]?.headers.authorization).toMatch(/^Basic /);
});
