import { randomBytes } from "node:crypto";
import { stream } from "hono/streaming";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DeclaredCheck } from "../../src/detector/schema.ts";
import { type CheckHttp, checkValidity, madeUp } from "../../src/provider/declared-check.ts";
import { Secret } from "../../src/secret.ts";
import { type Fault, startVendor, type VendorServer } from "../../src/stand-in/vendor.ts";

const check: DeclaredCheck = {
  method: "GET",
  url: "https://api.vendor.example/v1/me",
  header: "Authorization: Bearer {secret}",
  headers: { "Vendor-Version": "3" },
  alive: 200,
  dead: 401,
};
const live = Secret.from(`vk_live_${randomBytes(16).toString("hex")}`);
const gone = madeUp(live);
let server: VendorServer;
let http: CheckHttp;

beforeAll(async () => {
  server = await startVendor((app) => {
    const key = (header: string | undefined) => header?.replace(/^Bearer /, "");
    app.get("/v1/me", (context) => {
      if (context.req.header("vendor-version") !== "3") return context.json({ error: "version" }, 400);
      return key(context.req.header("authorization")) === live.reveal() ? context.json({ id: 1 }) : context.json({ error: "bad key" }, 401);
    });
    app.get("/open", (context) => context.json({ welcome: true }));
    app.get("/same", (context) =>
      context.json(key(context.req.header("authorization")) === live.reveal() ? { ok: true } : { ok: false, error: "invalid_auth" }),
    );
    app.get("/forbidden", (context) => context.json({ err: "You may not list this" }, 403));
    app.post("/graphql", async (context) => {
      if (((await context.req.json()) as { query?: string }).query !== "{ viewer { name } }") return context.json({ errors: [] }, 400);
      const mine = context.req.header("authorization") === live.reveal();
      return context.json({ data: { viewer: mine ? { name: "mara" } : null } });
    });
    app.get("/text", (context) => context.text("Unauthorized", 401));
    app.get("/bot/:token/me", (context) =>
      context.req.param("token") === `${live.reveal()}/x` ? context.json({ ok: true }) : context.json({ ok: false }, 404),
    );
    app.get("/basic", (context) =>
      context.req.header("authorization") === `Basic ${Buffer.from(`acct:${live.reveal()}`).toString("base64")}`
        ? context.json({ ok: true })
        : context.json({ ok: false }, 401),
    );
  });
  http = { host: server.url, timeout: 500 };
});
afterAll(() => server.stop());

test("a live value is active, one that nobody has is inactive, each with the status for the receipt", async () => {
  expect(await checkValidity(check, live, {}, http)).toEqual({ validity: "active", code: "200" });
  expect(await checkValidity(check, gone, {}, http)).toEqual({ validity: "inactive", code: "401" });
});

test.each(["429", "500", "503", "html", "redirect", "foreign-401", "hang", "drop-before"] as const)(
  "%s says unknown, for a live and for a dead value",
  async (fault: Fault) => {
    server.fail("GET", /^\/v1\/me$/, fault, 2);
    expect((await checkValidity(check, live, {}, http)).validity).toBe("unknown");
    expect((await checkValidity(check, gone, {}, http)).validity).toBe("unknown");
  },
);

test("a vendor that accepts a made-up value makes the answer unknown", async () => {
  const open = { ...check, url: "https://api.vendor.example/open" };
  expect(await checkValidity(open, live, {}, http)).toEqual({ validity: "unknown", code: "200, but a made-up value gets it too" });
});

test("where the made-up value gets no answer, the live one is not believed either, and is the next time", async () => {
  const fresh = { ...check, headers: { "Vendor-Version": "3", "X-Other": "1" } };
  let calls = 0;
  const counted = await startVendor((app) => {
    app.get("/v1/me", (context) =>
      ++calls === 2
        ? context.json({}, 429)
        : context.req.header("authorization") === `Bearer ${live.reveal()}`
          ? context.json({ id: 1 })
          : context.json({}, 401),
    );
  });
  const at = { host: counted.url, timeout: 500 };
  expect((await checkValidity(fresh, live, {}, at)).validity).toBe("unknown");
  expect((await checkValidity(fresh, live, {}, at)).validity).toBe("active");
  await counted.stop();
});

test("a query of GraphQL is sent as one, and its words tell a live value from a dead one with the same status", async () => {
  const graphql: DeclaredCheck = {
    method: "POST",
    url: "https://api.vendor.example/graphql",
    header: "Authorization: {secret}",
    query: "{ viewer { name } }",
    alive: 200,
    dead: 200,
    says: { alive: '"viewer":{', dead: '"viewer":null' },
    tells: { user: "data.viewer.name" },
  };
  expect(await checkValidity(graphql, live, {}, http)).toEqual({ validity: "active", code: "200", tells: { user: "mara" } });
  expect(await checkValidity(graphql, gone, {}, http)).toMatchObject({ validity: "inactive" });
});

test("an answer that drips in for longer than the call may take is unknown", async () => {
  const dripping = await startVendor((app) => {
    app.get("/v1/me", (context) => {
      const stop = new AbortController();
      context.env.incoming.socket.once("close", () => stop.abort());
      return stream(context, async (body) => {
        while (!stop.signal.aborted) {
          await body.write(" ");
          await body.sleep(20);
        }
      });
    });
  });
  expect(await checkValidity(check, live, {}, { host: dripping.url, timeout: 400 })).toMatchObject({
    validity: "unknown",
    code: "no answer",
  });
  await dripping.stop();
});

test("a host that is away says unknown", async () => {
  expect(await checkValidity({ ...check, url: "https://127.0.0.1:9/v1/me" }, live, {}, { timeout: 300 })).toMatchObject({
    validity: "unknown",
  });
});

test("403 and a 401 in plain text say nothing without the vendor's own words", async () => {
  expect(await checkValidity({ ...check, url: "https://api.vendor.example/forbidden" }, gone, {}, http)).toEqual({
    validity: "unknown",
    code: "403",
  });
  const text = { ...check, url: "https://api.vendor.example/text" };
  expect(await checkValidity(text, gone, {}, http)).toEqual({ validity: "unknown", code: "401 without JSON" });
  expect(await checkValidity({ ...text, says: { dead: "Unauthorized" } }, gone, {}, http)).toEqual({
    validity: "inactive",
    code: "401 Unauthorized",
  });
});

test("a vendor that answers 200 to everything is told apart by its words", async () => {
  const same: DeclaredCheck = {
    ...check,
    url: "https://api.vendor.example/same",
    dead: 200,
    says: { alive: '"ok":true', dead: "invalid_auth" },
  };
  expect((await checkValidity(same, live, {}, http)).validity).toBe("active");
  expect(await checkValidity(same, gone, {}, http)).toEqual({ validity: "inactive", code: "200 invalid_auth" });
});

test("values in a URL and in basic authentication are encoded, and attributes fill what they name", async () => {
  const inPath: DeclaredCheck = { method: "GET", url: "https://api.vendor.example/bot/{secret}/me", alive: 200, dead: 404 };
  expect((await checkValidity(inPath, Secret.from(`${live.reveal()}/x`), {}, http)).validity).toBe("active");
  const basic: DeclaredCheck = {
    method: "GET",
    url: "https://api.vendor.example/basic",
    basic: "{account}:{secret}",
    alive: 200,
    dead: 401,
  };
  expect((await checkValidity(basic, live, { account: "acct" }, http)).validity).toBe("active");
  expect(await checkValidity(basic, live, {}, http)).toEqual({ validity: "unknown", code: "account is not known" });
});

test("a value with a line break is never sent as a header", async () => {
  expect(await checkValidity(check, Secret.from("a\r\nx-admin: 1"), {}, http)).toEqual({ validity: "unknown", code: "not a header value" });
});

test("a made-up value keeps the public prefix and the shape, and nothing else", () => {
  const text = madeUp(live).reveal();
  expect(text).toMatch(/^vk_live_[0-9a-f]{32}$/);
  expect(text).not.toBe(live.reveal());
});
