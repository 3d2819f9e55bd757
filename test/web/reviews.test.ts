import { describe, expect, test } from "vitest";
import type { Item } from "../../src/governance/review.ts";
import { createWeb } from "../../src/web/app.ts";
import type { DecisionGate } from "../../src/web/governance-readers.ts";
import { Sessions } from "../../src/web/login/session.ts";
import { setViewer } from "../../src/web/viewer.ts";
import { campaign, reviewItem } from "./estate.ts";
import { readersOf } from "./sample.ts";

function web(options: { items?: readonly Item[]; sees?: string; gate?: DecisionGate } = {}) {
  const items = options.items ?? [reviewItem("RI-7F3KX"), reviewItem("RI-7F3KY", { state: "kept" }, "acme/secret")];
  return createWeb({
    readers: readersOf([]),
    governance: {
      campaigns: async () => [campaign],
      campaign: async (id) => (id === campaign.id ? campaign : undefined),
      items: async () => items,
    },
    now: () => "2026-03-02T10:00:00.000Z",
    ...(options.gate === undefined ? {} : { decisions: options.gate }),
    ...(options.sees === undefined
      ? {}
      : {
          guard: async (context, next) => {
            setViewer(context, { name: "dev", role: "viewer", repositories: new Set([options.sees ?? ""]) });
            await next();
          },
        }),
  });
}

describe("pages", () => {
  test("the list counts what is done and names what is overdue", async () => {
    const body = await (await web().request("/reviews")).text();
    expect(body).toContain("1 access review is under way, 1 overdue");
    expect(body).toContain("1 of 2");
  });

  test("a campaign shows its items escaped, with hash and evidence", async () => {
    const body = await (await web().request("/reviews/rv-2b0x1")).text();
    expect(body).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
    expect(body).not.toContain("<script>alert");
    for (const text of ["prod:secret/a", "0123456789abcdef", "It is declared.", "last used unknown", "made by unknown"])
      expect(body).toContain(text);
  });

  test("whoever may not see a repository sees none of its items, on no surface", async () => {
    const app = web({ sees: "acme/agents" });
    for (const path of ["/reviews/RV-2B0X1", "/api/v1/reviews/RV-2B0X1", "/reviews/RV-2B0X1/entitlements.csv"]) {
      const body = await (await app.request(path)).text();
      expect(body).toContain("RI-7F3KX");
      expect(body).not.toContain("RI-7F3KY");
    }
    expect((await web({ sees: "acme/other" }).request("/reviews/RV-2B0X1")).status).toBe(404);
  });
});

test("a page of a large campaign is short: what waits first, by owner and page by page", async () => {
  const many = Array.from({ length: 10_000 }, (_, index) =>
    reviewItem(`RI-${String(index).padStart(5, "0")}`, {
      state: index < 9_000 ? "kept" : "open",
      snapshot: { ...reviewItem("x").snapshot, identity: { id: "x", kind: "agent", name: "x", owner: `@team-${index % 70}` } },
    }),
  );
  const app = web({ items: many });
  const page = async (query: string) => (await app.request(`/reviews/RV-2B0X1${query}`)).text();
  const first = await page("");
  expect(first.length).toBeLessThan(200_000);
  expect(first).toContain("9000 of 10000 items are done");
  expect(first.match(/<li id="RI-/g)).toHaveLength(100);
  expect(first).toContain("RI-09000");
  expect(first).toContain("Page 1 of 100");
  expect(first).toContain("and 20 more owners");
  expect((await page("?page=100")).match(/<li id="RI-/g)).toHaveLength(100);
  expect((await page("?page=101&owner=%40team-69")).match(/<li id="RI-/g)).toHaveLength(42);
  expect(await page("?owner=%40team-1&page=2")).toContain("/reviews/RV-2B0X1?owner=%40team-1&amp;page=1");
});

describe("decisions on the dashboard", () => {
  const decided: unknown[] = [];
  function deciding({ provider = "github", fresh = true } = {}) {
    decided.length = 0;
    const at = new Date();
    const session = { name: "mara", role: "lead", repositories: ["acme/agents"], provider, createdAt: at, checkedAt: at };
    const kept = { ...session, freshAt: fresh ? at : new Date(at.getTime() - 3_600_000) };
    const store = { begin: async () => "session", visit: async () => kept, checked: async () => undefined, end: async () => undefined };
    const sessions = new Sessions(store, new URL("http://127.0.0.1:3000"));
    const app = createWeb({
      readers: readersOf([]),
      governance: {
        campaigns: async () => [campaign],
        campaign: async () => campaign,
        items: async () => [reviewItem("RI-7F3KX"), reviewItem("RI-7F3KY", {}, "acme/secret")],
      },
      login: { providers: [], sessions, url: new URL("http://127.0.0.1:3000"), act: async () => ({ ok: true }) },
      decide: async (decision) => {
        decided.push(decision);
        return { ok: true, text: "RI-7F3KX is denied" };
      },
    });
    const token = sessions.formToken({ id: "session" } as never);
    const send = (fields: Record<string, string>, headers: Record<string, string> = {}) =>
      app.request("/reviews/RV-2B0X1/decide", {
        method: "POST",
        headers: { cookie: "rekey=session", origin: "http://127.0.0.1:3000", ...headers },
        body: new URLSearchParams({
          form: token,
          item: "RI-7F3KX",
          hash: "0123456789abcdef",
          verdict: "deny",
          reason: "retired",
          ...fields,
        }),
      });
    return { app, send };
  }

  test("a person of GitHub decides about the snapshot that they saw", async () => {
    const { app, send } = deciding();
    const page = await (await app.request("/reviews/RV-2B0X1", { headers: { cookie: "rekey=session" } })).text();
    expect(page).toContain("Decide about RI-7F3KX");
    expect(page).not.toContain("RI-7F3KY");
    const answer = await send({});
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain("RI-7F3KX is denied");
    expect(decided).toEqual([{ item: "RI-7F3KX", hash: "0123456789abcdef", verdict: "deny", by: "mara", reason: "retired" }]);
  });

  test("an older log-in is asked for again first", async () => {
    const answer = await deciding({ fresh: false }).send({});
    expect(answer.status).toBe(303);
    expect(answer.headers.get("location")).toBe("/login/github?fresh=1&next=%2Freviews%2FRV-2B0X1%23RI-7F3KX");
    expect(decided).toEqual([]);
  });

  test.each([
    ["no reason", {}, { reason: " " }, 400],
    ["another verdict", {}, { verdict: "maybe" }, 400],
    ["a form of another session", {}, { form: "x" }, 403],
    ["an item of a repository that they may not see", {}, { item: "RI-7F3KY" }, 404],
    ["somebody whom GitHub does not vouch for", { provider: "oidc" }, {}, 403],
  ])("nothing is decided with %s", async (_, options, fields, status) => {
    expect((await deciding(options).send(fields as Record<string, string>)).status).toBe(status);
    expect(decided).toEqual([]);
  });

  test("nothing is decided from another site's page", async () => {
    expect((await deciding().send({}, { origin: "https://evil.example" })).status).toBe(403);
    expect(decided).toEqual([]);
  });
});

describe("decisions of another system", () => {
  const seen: unknown[] = [];
  const gate: DecisionGate = {
    verify: (token) => (token === "right" ? "iga" : undefined),
    decide: async (decisions, via) => {
      seen.push({ decisions, via });
      return decisions.map(({ item: id }) => ({ item: id, ok: true, text: "kept" }));
    },
  };
  const send = (body: string, type: string, token?: string) =>
    web({ gate }).request("/api/v1/reviews/decisions", {
      method: "POST",
      headers: { "content-type": type, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
      body,
    });
  const decision = { item_id: "RI-7F3KX", snapshot_hash: "0123456789abcdef", decision: "deny", reviewer: "mara", reason: "gone" };

  test.each([undefined, "wrong"])("without its token nothing is decided: %s", async (token) => {
    seen.length = 0;
    expect((await send(JSON.stringify({ decisions: [decision] }), "application/json", token)).status).toBe(401);
    expect(seen).toEqual([]);
  });

  test("JSON and CSV come to the same decision, under the token's name", async () => {
    seen.length = 0;
    expect((await send(JSON.stringify({ decisions: [decision] }), "application/json", "right")).status).toBe(200);
    const csv = `${Object.keys(decision).join(",")}\n${Object.values(decision).join(",")}\n`;
    expect((await send(csv, "text/csv", "right")).status).toBe(200);
    const expected = {
      decisions: [{ item: "RI-7F3KX", hash: "0123456789abcdef", verdict: "deny", by: "mara", reason: "gone" }],
      via: "api:iga",
    };
    expect(seen).toEqual([expected, expected]);
  });

  test("a decision without the snapshot it is about is refused", async () => {
    seen.length = 0;
    const { snapshot_hash: _, ...without } = decision;
    const answer = await send(JSON.stringify({ decisions: [without] }), "application/json", "right");
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain("snapshot_hash");
    expect(seen).toEqual([]);
  });
});
