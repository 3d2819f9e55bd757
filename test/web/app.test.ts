import type { MiddlewareHandler } from "hono";
import { expect, test } from "vitest";
import { frameworkIds } from "../../src/governance/frameworks.ts";
import { tileIds } from "../../src/governance/overview.ts";
import type { IncidentEvent } from "../../src/incident/event.ts";
import { Secret } from "../../src/secret.ts";
import { accessToken } from "../../src/web/access.ts";
import { createWeb } from "../../src/web/app.ts";
import type { ConsumerGate } from "../../src/web/consumers.ts";
import { loopbackHosts } from "../../src/web/headers.ts";
import {
  Backfill,
  Controls,
  CoverageAnswer,
  Evidence,
  Exceptions,
  Governance,
  Groups,
  IncidentDetail,
  IncidentList,
  Metrics,
  ReviewDetail,
  Reviews,
  Rollout,
  Settings,
} from "../../src/web/openapi.ts";
import { setViewer } from "../../src/web/viewer.ts";
import { incident, opened, recorded } from "../incident/build.ts";
import { estateOf, governanceOf, identity, reviewItem } from "./estate.ts";
import { alive, dead, mixed, now, readersOf, triage } from "./sample.ts";

const web = (incidents = mixed(3), change: Parameters<typeof readersOf>[1] = {}) =>
  createWeb({ readers: readersOf(incidents, change), now: () => now });

test("the first page tells what is alive and whose it is before anything else", async () => {
  const page = await (await web(mixed(24)).request("/")).text();
  const order = [
    "<h1>1 leaked credential is alive; the oldest for 1 d (RK-7F3K, owned by @mara).</h1>",
    "Open credentials and their owners",
    '<span class="id">RK-7F3K</span>',
    '<bdi class="owner">@mara</bdi>',
    '<span class="id">RK-2B0X</span>',
    '<strong class="missing">no owner</strong>',
    "Proven dead",
    "Revoked by statement",
    "Risk accepted",
    "Median time to remediate: 1 h 22 min",
    "Dead within 1 h",
    '<svg class="survival"',
    "The curve as a table",
    "Open by age",
  ];
  const places = order.map((text) => page.indexOf(text));
  expect(places).not.toContain(-1);
  expect(places).toEqual(places.toSorted((a, b) => a - b));
});

test("under ten incidents there is a list and no curve", async () => {
  const page = await (await web(mixed(3)).request("/")).text();
  expect(page).not.toContain("<svg");
  expect(page).toContain("3 of 7 dead. A median and a curve are shown from 10 incidents on.");
  expect(page).toMatch(/RK-D000<\/span>[\s\S]*dead after 3 min/);
});

test("a trend is drawn from two weeks with a median on, and begins where the incidents begin", async () => {
  const earlier = Array.from({ length: 12 }, (_, index) =>
    incident(`RK-E${String(index).padStart(3, "0")}`, ["2026-02-17T10:00:00.000Z", opened], ["2026-02-17T12:00:00.000Z", dead]),
  );
  expect(await (await web(mixed(24)).request("/")).text()).not.toContain("Is it getting faster");
  const page = await (await web([...mixed(24), ...earlier]).request("/")).text();
  expect(page).toContain("Half of the leaks of the week of 2026-02-16 were dead within 2 h, of the week of 2026-02-23 within 1 h 22 min.");
  expect(page).toContain('<th scope="row">2026-02-09</th>');
  expect(page).not.toContain('<th scope="row">2026-02-02</th>');
});

test("without incidents it says so and shows no empty boxes", async () => {
  const page = await (await web([]).request("/")).text();
  expect(page).toContain("<h1>No leaked credential has been found yet.</h1>");
  expect(page).not.toContain("Open by age");
});

test("an incident's page tells its clock, evidence, plan, receipts and history", async () => {
  const finished = incident("RK-7F3K", ["10:01", opened], ["10:01", triage], ["10:02", alive], ["10:10", dead]);
  const page = await (await web([finished]).request("/incidents/rk-7f3k")).text();
  for (const text of [
    "proven dead",
    "dead 9 min after detection, 10 min after exposure",
    "triage-agent</bdi></a> (agent, strong)",
    'href="https://openrouter.ai/settings/keys"',
    "Literal in mcpServers.openrouter.env of .mcp.json",
    "No way back from here.</span> <bdi>Delete the old key",
    "401 user_not_found",
    "control (new-credential)",
    "Plan 9c1f0a2b approved by mara (owner)",
    "Seen at .mcp.json:7 in pull request 12, pushed by dev",
  ]) {
    expect(page).toContain(text);
  }
});

test("a held rotation says why, and a statement is not called dead", async () => {
  const held = incident(
    "RK-7F3K",
    ["10:01", opened],
    ["10:05", { type: "run-started", run: "r1", planHash: "p" }],
    ["10:06", { type: "run-held", run: "r1", code: "sink-conflict", message: "Somebody else wrote to the sink." }],
  );
  const stated = incident("RK-57AT", ["10:01", opened], ["11:01", { type: "revoked-by-statement", by: "dev", how: "in the console" }]);
  const app = web([held, stated]);
  expect(await (await app.request("/incidents/RK-7F3K")).text()).toContain("Somebody else wrote to the sink.");
  const blast = await (await app.request("/incidents/RK-7F3K")).text();
  expect(blast).toContain("workload bot makes a client for openrouter.ai.");
  expect(blast).toContain("  └─ model-endpoint openrouter.ai (standing)");
  expect(blast).toContain("   └─ agent &lt;b&gt;bot&lt;/b&gt;??` (standing)");
  expect(blast).not.toContain("<b>bot");
  const page = await (await app.request("/incidents/RK-57AT")).text();
  expect(page).toContain("revoked by statement, not proven");
  expect(page).not.toContain('class="badge dead"');
});

test("an identity's page says what it reaches, to those who may see its repository", async () => {
  const id = "mcp-server:github.com/acme/agents#.mcp.json#<b>bot</b>\u202e";
  const address = `/identity?id=${encodeURIComponent(id)}`;
  const text = await (await web([]).request(address)).text();
  expect(text).toContain("<bdi>https://mcp.example.com</bdi> (resource, standing)");
  expect(text).toContain("&lt;b&gt;bot&lt;/b&gt;");
  expect(text).not.toContain("<b>bot");
  const guard: MiddlewareHandler = async (context, next) => {
    setViewer(context, { name: "eve", role: "viewer", repositories: new Set(["acme/other"]) });
    await next();
  };
  const stranger = createWeb({ readers: readersOf([]), now: () => now, guard });
  for (const [app, path] of [
    [stranger, address],
    [web([]), "/identity?id=agent:nobody"],
    [web([]), "/identity"],
  ] as const)
    expect((await app.request(path)).status).toBe(404);
});

test("nothing that a stranger wrote becomes markup", async () => {
  const evil = `"><img src=x onerror=alert(1)>'&`;
  const events: [string, IncidentEvent][] = [
    ["10:01", { ...opened, repository: evil, credential: { ...opened.credential, title: evil, subject: evil, detector: evil } }],
    [
      "10:01",
      { ...(triage as Extract<IncidentEvent, { type: "identity-linked" }>), name: evil, owner: evil, kind: evil, environment: evil },
    ],
    ["10:02", { type: "run-held", run: evil, code: evil, message: evil }],
  ];
  const hostile = incident("RK-7F3K", ...events);
  const base = readersOf([hostile]);
  const app = web([hostile], {
    timeline: async () => recorded("RK-7F3K", ...events, ["10:03", { type: "false-positive", by: evil, reason: evil }]),
    occurrences: async () =>
      (await base.occurrences("")).map((one) => ({
        ...one,
        path: evil,
        repository: evil,
        finding: { ...one.finding, revoke: `javascript:${evil}` },
      })),
    receipts: async () => (await base.receipts("")).map((one) => ({ ...one, code: evil })),
    plan: async () => ({
      hash: evil,
      playbook: evil,
      body: { steps: [{ id: evil, title: evil, uses: evil, effect: evil, manual: { page: evil } }] },
    }),
  });
  for (const path of ["/", "/incidents/RK-7F3K"]) {
    const page = await (await app.request(path)).text();
    expect(page).not.toContain("<img");
    expect(page).not.toContain('href="javascript');
    expect(page).toContain("&lt;img");
  }
});

test("every answer forbids scripts, frames, sniffing and caching", async () => {
  const app = web();
  for (const path of ["/", "/incidents/RK-7F3K", "/api/v1/metrics", "/nowhere", "/healthz"]) {
    const { headers } = await app.request(path);
    expect(headers.get("content-security-policy")).toBe(
      "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    );
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("referrer-policy")).toBe("same-origin");
    expect(headers.get("cache-control")).toBe("no-store");
  }
  const page = await (await app.request("/")).text();
  expect(page).not.toMatch(/<script|style="| on\w+="/);
});

test("what is not there is 404 for people and programs", async () => {
  const app = web();
  for (const path of ["/incidents/RK-0000", "/incidents/nonsense", "/x"]) expect((await app.request(path)).status).toBe(404);
  const answer = await app.request("/api/v1/incidents/RK-0000");
  expect([answer.status, await answer.json()]).toEqual([404, { error: "there is no incident with this id" }]);
  expect((await app.request("/api/v1/nothing")).headers.get("content-type")).toContain("json");
});

test("a failure is told without its message", async () => {
  const failing = web(mixed(1), {
    incidents: async () => {
      throw new Error("password hunter2 was refused");
    },
  });
  const answer = await failing.request("/");
  expect(answer.status).toBe(500);
  expect(await answer.text()).not.toContain("hunter2");
  expect((await failing.request("/api/v1/metrics")).status).toBe(500);
});

test("health needs no database, readiness does", async () => {
  const down = web([], {
    ready: async () => {
      throw new Error("down");
    },
  });
  expect((await down.request("/healthz")).status).toBe(200);
  expect((await down.request("/readyz")).status).toBe(503);
  expect((await web().request("/readyz")).status).toBe(200);
});

test("the API lists, filters and refuses what it does not know", async () => {
  const app = web(mixed(2));
  const get = async (path: string) => (await (await app.request(path)).json()) as { incidents: { id: string }[] };
  expect((await get("/api/v1/incidents?state=open")).incidents.map(({ id }) => id)).toEqual(["RK-7F3K", "RK-2B0X"]);
  expect((await get("/api/v1/incidents?limit=1")).incidents).toHaveLength(1);
  expect(await get("/api/v1/incidents/RK-7F3K")).toMatchObject({
    version: 1,
    incident: { id: "RK-7F3K", owner: "@mara" },
    receipts: [{ round: 1 }, {}],
  });
  expect(await get("/api/v1/metrics")).toMatchObject({ version: 1, open: { total: 2, live: 1 }, provenDead: 2 });
  for (const query of ["state=closed", "limit=0", "limit=x", "limit=1.5"])
    expect((await app.request(`/api/v1/incidents?${query}`)).status).toBe(400);
  const tag = (await app.request("/api/v1/incidents")).headers.get("etag") ?? "";
  expect((await app.request("/api/v1/incidents", { headers: { "if-none-match": tag } })).status).toBe(304);
});

test("a consumer reports with its own token, and nobody else's", async () => {
  const reports: object[] = [];
  const gate: ConsumerGate = {
    verify: (name, token) => name === "triage-agent" && token === "t0ken",
    report: async (report) => void reports.push(report),
  };
  const app = createWeb({ readers: readersOf([]), consumers: gate, guard: accessToken(Secret.from("dashboard")) });
  const body = { connection: "demo-store", path: "secret/agents/triage", version: "2" };
  const send = (name: string, token: string | undefined, content: unknown) =>
    app.request(`/api/v1/consumers/${name}/version`, {
      method: "POST",
      body: typeof content === "string" ? content : JSON.stringify(content),
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    });
  expect((await send("triage-agent", "t0ken", body)).status).toBe(204);
  expect(reports).toEqual([{ name: "triage-agent", ...body }]);
  for (const [name, token] of [
    ["triage-agent", "t0ke"],
    ["triage-agent", undefined],
    ["other-agent", "t0ken"],
    ["triage-agent", "dashboard"],
  ] as const) {
    expect((await send(name, token, body)).status).toBe(401);
  }
  for (const wrong of ["{", {}, { ...body, version: 2 }, { ...body, fingerprint: "fp1:x" }, { ...body, path: "" }]) {
    expect((await send("triage-agent", "t0ken", wrong)).status).toBe(400);
  }
  expect((await send("triage-agent", "t0ken", { ...body, path: "x".repeat(5000) })).status).toBe(413);
  expect(reports).toHaveLength(1);
});

test("a report that could not be recorded is not acknowledged", async () => {
  const app = createWeb({
    readers: readersOf([]),
    consumers: {
      verify: () => true,
      report: async () => {
        throw new Error("down");
      },
    },
  });
  const answer = await app.request("/api/v1/consumers/a/version", {
    method: "POST",
    headers: { authorization: "Bearer x" },
    body: JSON.stringify({ connection: "c", path: "p", version: "1" }),
  });
  expect(answer.status).toBe(503);
});

test("with an access token, pages and API open only to who has it", async () => {
  const app = createWeb({ readers: readersOf(mixed(1)), guard: accessToken(Secret.from("open-sesame")), now: () => now });
  expect((await app.request("/")).status).toBe(401);
  expect((await app.request("/api/v1/incidents")).status).toBe(401);
  expect((await app.request("/incidents/RK-7F3K")).status).toBe(401);
  expect((await app.request("/healthz")).status).toBe(200);
  expect((await app.request("/enter?token=open-sesam")).status).toBe(403);
  expect((await app.request("/", { headers: { cookie: "rekey_access=wrong" } })).status).toBe(401);

  const entered = await app.request("/enter?token=open-sesame");
  expect([entered.status, entered.headers.get("location")]).toEqual([303, "/"]);
  const cookie = entered.headers.get("set-cookie") ?? "";
  expect(cookie).toMatch(/HttpOnly; SameSite=Strict/);
  expect((await app.request("/", { headers: { cookie: cookie.split(";")[0] ?? "" } })).status).toBe(200);
  expect((await app.request("/api/v1/incidents", { headers: { authorization: "Bearer open-sesame" } })).status).toBe(200);
});

test("a loopback server does not answer to another site's name", async () => {
  const app = createWeb({ readers: readersOf([]), hosts: loopbackHosts });
  const ask = async (host: string) => (await app.request("/", { headers: { host } })).status;
  expect(await Promise.all(["127.0.0.1:3000", "localhost:3000", "[::1]:3000", "LOCALHOST"].map(ask))).toEqual([200, 200, 200, 200]);
  expect(await Promise.all(["evil.example", "127.0.0.1.evil.example:3000", ""].map(ask))).toEqual([421, 421, 421]);
});

test("a list is filtered by its address, goes on page by page, and names a filter that it does not know", async () => {
  const app = web(mixed(24));
  const page = await (await app.request("/incidents?state=open&limit=1")).text();
  expect(page).toContain("<h1>2 open incidents</h1>");
  expect(page).toContain('<a href="/incidents?state=open&amp;limit=1&amp;after=RK-7F3K" rel="next">');
  const rest = await (await app.request("/incidents?state=open&limit=1&after=RK-7F3K")).text();
  expect(rest).toContain('<span class="id">RK-2B0X</span>');
  expect(rest).not.toContain('rel="next"');
  expect(await (await app.request("/incidents?colour=red")).text()).toContain("&#39;colour&#39; is not a filter; there are kind, state,");
  expect((await app.request("/incidents?severity=worst")).status).toBe(400);
});

test("keyset pages show every incident once, also when rows are closed between two pages", async () => {
  let incidents = mixed(24);
  const app = createWeb({ readers: readersOf([], { incidents: async () => readersOf(incidents).incidents() }), now: () => now });
  const get = async (query: string) =>
    (await (await app.request(`/api/v1/incidents?sort=oldest&limit=5${query}`)).json()) as { incidents: { id: string }[]; next?: string };
  const seen: string[] = [];
  for (let after: string | undefined = ""; after !== undefined; ) {
    const answer: Awaited<ReturnType<typeof get>> = await get(after === "" ? "" : `&after=${after}`);
    seen.push(...answer.incidents.map(({ id }) => id));
    after = answer.next;
    incidents = incidents.map((one) => (one.id === after ? { ...one, state: "resolved" as const } : one));
  }
  expect(new Set(seen).size).toBe(28);
  expect(seen).toHaveLength(28);
});

test("the CSV cannot make a spreadsheet compute, and has the filters of the list", async () => {
  const evil = incident("RK-7F3K", [
    "10:01",
    { ...opened, repository: '=HYPERLINK("http://evil")', credential: { ...opened.credential, title: "a,b\n@c" } },
  ]);
  const answer = await web([evil, ...mixed(1).slice(1)]).request("/incidents.csv?state=open&sort=newest");
  const [header, first] = (await answer.text()).split("\r\n");
  expect(header).toBe(
    "id,title,detector,fingerprint,severity,state,resolution,validity,proven_dead,identity,identity_kind,owner,environment,repository,pre_existing,exposed,detected,acknowledged,contained,replaced,revoked,dead,closed,kind,source,source_action,reports",
  );
  expect(first).toBe(
    `RK-7F3K,"a,b\n@c",openrouter-api-key,fp1:test:aaaa,high,open,,unknown,false,,,,,"'=HYPERLINK(""http://evil"")",false,2026-03-01T10:00:00.000Z,2026-03-01T10:01:00.000Z,,,,,,,leaked-credential,,,`,
  );
});

test("who may see one repository sees its incidents and nothing of the others, at any address", async () => {
  const mine = incident("RK-7F3K", ["10:01", opened], ["10:01", triage], ["10:02", alive]);
  const theirs = incident("RK-2B0X", [
    "10:01",
    { ...opened, repository: "github.com/acme/secret-plans", credential: { ...opened.credential, title: "Hidden key" } },
  ]);
  const nobodys = incident("RK-9Z9Z", [
    "10:01",
    { type: "opened", credential: opened.credential, severity: "low", exposedAt: opened.exposedAt, preExisting: false },
  ]);
  const guard: MiddlewareHandler = async (context, next) => {
    setViewer(context, { name: "dev", role: "viewer", repositories: new Set(["github.com/acme/agents"]) });
    await next();
  };
  const all = readersOf([mine, theirs, nobodys]);
  const app = createWeb({
    readers: {
      ...all,
      events: async () => [theirs, nobodys].flatMap(({ id }) => recorded(id, ["10:01", opened])).map((event) => ({ ...event, hash: "cd" })),
    },
    rollout: async () => ({
      repositories: ["acme/secret-plans", "github.com/acme/agents"].map((fullName) => ({
        fullName,
        policy: { stage: "check", because: "the rules", disclosure: "full", onUnavailable: "neutral", automatic: false },
      })),
    }),
    backfill: async () => ({
      repositories: ["acme/secret-plans", "github.com/acme/agents"].map((repository) => ({
        ...{ repository, private: true, state: "done" as const, kilobytes: 2048, found: 3, seconds: 2 },
      })),
    }),
    guard,
    now: () => now,
    governance: governanceOf([reviewItem("RI-7F300", {}, "acme/secret-plans")]),
    estate: estateOf([identity("Hidden key agent", { repository: "acme/secret-plans" })]),
    settings: async () => [{ title: "Hidden key", checks: [] }],
  });
  expect(await (await app.request("/rollout")).text()).toContain("github.com/acme/agents");
  expect(await (await app.request("/backfill")).text()).toContain(
    "The history of 1 of 1 repository is looked through (2 of 2 MB, 3 places",
  );
  const paths = app.routes.filter(({ method }) => method === "GET").map(({ path }) => path.replace(":by", "repository"));
  for (const path of ["/governance", "/exceptions", "/reviews/:id", "/api/v1/coverage"]) expect(paths).toContain(path);
  const tiles = [...tileIds.map((id) => `/governance/${id}`), ...frameworkIds.map((id) => `/evidence/${id}`)];
  for (const id of [theirs.id, nobodys.id]) {
    for (const path of new Set([...paths, ...tiles, "/reviews/RV-2B0X1", "/reviews/RV-2B0X1/accounts.csv", "/api/v1/reviews/RV-2B0X1"])) {
      const text = await (await app.request(path.replace(":id", id))).text();
      expect(text, path).not.toMatch(/secret-plans|Hidden key|RK-9Z9Z|RK-2B0X|RI-7F300/);
    }
    expect((await app.request(`/incidents/${id}`)).status).toBe(404);
    expect((await app.request(`/api/v1/incidents/${id}`)).status).toBe(404);
  }
  expect((await app.request("/incidents/RK-7F3K")).status).toBe(200);
});

test("every answer of the API has the shape that its description gives", async () => {
  const app = createWeb({
    readers: readersOf(mixed(24)),
    now: () => now,
    governance: governanceOf(),
    estate: estateOf([identity("a"), identity("b")]),
    settings: async () => [{ title: "App", checks: [{ what: "App", state: "warning", says: "is off", hint: "needs github" }] }],
  });
  const shapes = {
    incidents: IncidentList,
    "incidents/RK-7F3K": IncidentDetail,
    metrics: Metrics,
    "groups/owner": Groups,
    rollout: Rollout,
    backfill: Backfill,
    exceptions: Exceptions,
    reviews: Reviews,
    "reviews/RV-2B0X1": ReviewDetail,
    governance: Governance,
    "evidence/nist-csf": Evidence,
    settings: Settings,
    coverage: CoverageAnswer,
    controls: Controls,
  };
  for (const [path, shape] of Object.entries(shapes)) shape.parse(await (await app.request(`/api/v1/${path}`)).json());
  const description = (await (await app.request("/api/v1/openapi.json")).json()) as { paths: object };
  const routes = app.routes.filter(({ path }) => path.startsWith("/api/v1/") && !path.endsWith("openapi.json"));
  expect(new Set(routes.map(({ path }) => path.replaceAll(/:(\w+)/g, "{$1}")))).toEqual(new Set(Object.keys(description.paths)));
});
