import { randomBytes, randomInt } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { loadRuleset } from "../../src/config/detectors.ts";
import type { CompiledDetector } from "../../src/detector/compile.ts";
import { expandTemplate } from "../../src/detector/template.ts";
import { request } from "../../src/http.ts";
import { type Verifiable, type VerifyOptions, verify } from "../../src/provider/verify.ts";
import { Secret } from "../../src/secret.ts";
import { startOpenRouter } from "../../src/stand-in/openrouter.ts";
import { startVendor, type VendorServer } from "../../src/stand-in/vendor.ts";
import { findingsIn } from "../repair/world.ts";
import { finding } from "../report/finding.ts";

const live = { xai: key("xai-{alnum:80}"), openrouter: key("sk-or-v1-{hex:64}"), gitlab: key("glpat-{b64url:20}") };
let vendor: VendorServer;
let rules: ReadonlyMap<string, CompiledDetector>;
let calls: string[];
let sleeps: number[];

beforeAll(async () => {
  rules = new Map((await loadRuleset()).detectors.map((rule) => [rule.detector.id, rule]));
  vendor = await startVendor((app) => {
    app.use(async (context, next) => {
      calls.push(`${context.req.method} ${context.req.path}`);
      await next();
    });
    const given = (header: string | undefined) => header?.replace(/^Bearer /, "");
    app.get("/v1/api-key", (context) =>
      given(context.req.header("authorization")) === live.xai
        ? context.json({ name: "ci", team_id: "t1", user_id: live.xai, acls: ["api-key:model:*", "api-key:endpoint:*"] })
        : context.json({ code: "unauthenticated" }, 401),
    );
    app.get("/api/v1/key", (context) =>
      given(context.req.header("authorization")) === live.openrouter
        ? context.json({ data: { label: `${live.openrouter.slice(0, 12)}...${live.openrouter.slice(-3)}`, creator_user_id: "u1" } })
        : context.json({ error: { code: 401, message: "No auth" } }, 401),
    );
    app.get("/api/v4/personal_access_tokens/self", (context) =>
      context.req.header("private-token") === live.gitlab
        ? context.json({ id: 7, user_id: 3, active: true, name: "bot", scopes: ["api", "read_user"], expires_at: "2027-01-01" })
        : context.json({ message: "401 Unauthorized" }, 401),
    );
  });
});
afterAll(() => vendor.stop());
beforeEach(() => {
  calls = [];
  sleeps = [];
});

function key(template: string): string {
  return expandTemplate(template, (below) => randomInt(below));
}

function one(detector: string, value: string, more: Partial<Verifiable> & { attributes?: Record<string, string> } = {}): Verifiable {
  const provider = rules.get(detector)?.provider ?? "";
  const { attributes = {}, ...rest } = more;
  return { finding: finding({ detector, provider, attributes }), secret: Secret.from(value), beside: [], ...rest };
}

function ask(all: readonly Verifiable[], options: Partial<VerifyOptions> = {}) {
  return verify(all, {
    rule: (detector) => rules.get(detector),
    sleep: async (milliseconds) => void sleeps.push(milliseconds),
    now: () => "2026-11-25T00:00:00.000Z",
    standIn: () => vendor.url,
    ...options,
  });
}

test("a live value is active, with the call, the status and what the answer tells of it; one that nobody has is inactive", async () => {
  const [alive, dead] = await ask([one("xai-api-key", live.xai), one("xai-api-key", key("xai-{alnum:80}"))]);
  expect(alive).toEqual({
    validity: "active",
    verification: {
      at: "2026-11-25T00:00:00.000Z",
      call: "GET api.x.ai/v1/api-key",
      answer: "200",
      tells: { token: "ci", team_id: "t1", scopes: "api-key:model:*, api-key:endpoint:*" },
    },
  });
  expect(dead).toMatchObject({ validity: "inactive", verification: { answer: "401" } });
});

test("no fact holds a part of the value, whatever the vendor's answer repeats", async () => {
  const [answer] = await ask([one("openrouter-api-key", live.openrouter)]);
  expect(answer).toMatchObject({ validity: "active", verification: { tells: { user_id: "u1" } } });
  expect(answer?.verification.tells).not.toHaveProperty("token");
});

test.each(["500", "html", "redirect", "foreign-401", "drop-before"] as const)(
  "%s is unknown, for a live and for a dead value",
  async (fault) => {
    vendor.fail("GET", /^\/api\/v1\/key$/, fault, 2);
    const answers = await ask([one("openrouter-api-key", live.openrouter), one("openrouter-api-key", key("sk-or-v1-{hex:64}"))]);
    expect(answers.map(({ validity }) => validity)).toEqual(["unknown", "unknown"]);
  },
);

test("a vendor that throttles is asked again after the time that it names, then left alone for the rest", async () => {
  vendor.fail("GET", /^\/api\/v1\/key$/, "429", 1);
  expect((await ask([one("openrouter-api-key", live.openrouter)]))[0]?.validity).toBe("active");
  expect(sleeps).toEqual([2000]);
  vendor.fail("GET", /^\/api\/v1\/key$/, "429", 3);
  calls = [];
  const answers = await ask([one("openrouter-api-key", live.openrouter), one("openrouter-api-key", key("sk-or-v1-{hex:64}"))]);
  expect(answers.map(({ verification }) => verification.answer)).toEqual(["429", "not sent: openrouter.ai asks to slow down"]);
  expect(calls).toHaveLength(0); // the fault stands before the counter: the second value was never sent
});

test("calls to one host are spaced; a host that is silent three times is not asked again", async () => {
  const values = Array.from({ length: 5 }, () => one("openrouter-api-key", key("sk-or-v1-{hex:64}")));
  await ask(values);
  expect(sleeps).toEqual([250, 250, 250, 250]);
  const away = await ask(values, { standIn: () => "http://127.0.0.1:9" });
  expect(away.map(({ verification }) => verification.answer)).toEqual([
    "no answer",
    "no answer",
    "no answer",
    ...Array(2).fill("not sent: openrouter.ai did not answer 3 times"),
  ]);
});

test("where the person's own account knows a value by its hash, the value is not sent", async () => {
  const provider = await startOpenRouter();
  const { secret } = provider.createKey("ci bot");
  const connection = () => ({ host: provider.url, credential: provider.managementKey, timeout: 2000 });
  const answers = await ask([one("openrouter-api-key", secret.reveal()), one("openrouter-api-key", live.openrouter)], { connection });
  expect(answers).toMatchObject([
    {
      validity: "active",
      verification: { call: expect.stringContaining("by the hash of the value"), answer: "active", tells: { token: "ci bot" } },
    },
    { validity: "active", verification: { answer: "200" } }, // of another account: only the vendor can say
  ]);
  expect(calls).toEqual(["GET /api/v1/key"]);
  await provider.stop();
});

test("a canary token, an ambiguous format, a type without a safe call: nothing leaves", async () => {
  const answers = await ask([
    one("openrouter-api-key", live.openrouter, { bait: "It is a honeytoken." }),
    { ...one("openrouter-api-key", live.openrouter), finding: finding({ candidates: ["a", "b"] }) },
    one("perplexity-api-key", key("pplx-{alnum:48}")),
  ]);
  expect(answers.map(({ validity, verification }) => [validity, verification.answer, verification.call])).toEqual([
    ["unknown", "not sent: It is a honeytoken.", undefined],
    ["unknown", "not sent: the format fits several providers, and only its own may see a value", undefined],
    ["unknown", "not sent: no safe read-only call is known for this type", undefined],
  ]);
  expect(calls).toEqual([]);
});

test("a refusal says nothing where other servers issue such values too, unless a person named the server beside it", async () => {
  const other = key("glpat-{b64url:20}");
  const [refused] = await ask([one("gitlab-token", other)]);
  expect(refused).toMatchObject({
    validity: "unknown",
    verification: { answer: "401 Unauthorized: refused by gitlab.com, but other servers issue such values too" },
  });
  const beside = [new URL(vendor.url).host];
  const named = await ask([one("gitlab-token", live.gitlab, { beside }), one("gitlab-token", other, { beside })], {
    standIn: () => undefined,
  });
  expect(named.map(({ validity }) => validity)).toEqual(["active", "inactive"]);
  expect(named[0]?.verification.tells).toMatchObject({ scopes: "api, read_user", expires: "2027-01-01" });
});

test("a credential of two parts is asked about with both, and its public part stands in the path", async () => {
  const account = `AC${randomBytes(16).toString("hex")}`;
  const token = randomBytes(16).toString("hex");
  const twilio = await startVendor((app) => {
    app.get("/2010-04-01/Accounts/:file", (context) =>
      context.req.header("authorization") === `Basic ${Buffer.from(`${account}:${token}`).toString("base64")}`
        ? context.json({ sid: account, friendly_name: "Bots", type: "Full" })
        : context.json({ code: 20003 }, 401),
    );
  });
  const text = `TWILIO_ACCOUNT_SID=${account}\nTWILIO_AUTH_TOKEN=${token}\n`;
  const [found] = findingsIn("a.env", text);
  if (found === undefined) throw new Error("no finding");
  const other = Secret.from(randomBytes(16).toString("hex"));
  const answers = await ask(
    [
      { finding: found, secret: Secret.from(token), beside: [] },
      { finding: found, secret: other, beside: [] },
      { finding: { ...found, attributes: {} }, secret: other, beside: [] },
    ],
    { standIn: () => twilio.url },
  );
  expect(answers.map(({ validity }) => validity)).toEqual(["active", "inactive", "unknown"]);
  expect(answers[0]?.verification.tells).toEqual({ account: "Bots", account_id: account, plan: "Full" });
  await twilio.stop();
});

test("a database is asked only where its own host is allowed", async () => {
  const attributes = { user: "app", host: "db.corp.example", port: "5432" };
  const password = randomBytes(12).toString("hex");
  const answers = await ask([
    one("postgresql-url", password, { attributes }),
    one("postgresql-url", password, { attributes, beside: ["other.corp.example"] }),
  ]);
  for (const { validity, verification } of answers) {
    expect(validity).toBe("unknown");
    expect(verification.call).toBeUndefined();
    expect(verification.answer).toContain("db.corp.example:5432; --verify-host postgresql=HOST");
  }
});

test("an answer that never ends, or is not HTTP, ends as unknown", async () => {
  const sockets = new Set<Socket>();
  const hostile = await listening((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("data", () => {
      socket.write("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n");
      const chunk = `10000\r\n${" ".repeat(0x10000)}\r\n`;
      const flood = () => {
        while (!socket.destroyed && socket.write(chunk));
        if (!socket.destroyed) socket.once("drain", flood);
      };
      flood();
    });
  });
  const noise = await listening((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end("220 smtp.example ready\r\n"));
  });
  for (const { url } of [hostile, noise]) {
    const [answer] = await ask([one("openrouter-api-key", live.openrouter)], { standIn: () => url });
    expect(answer?.validity).toBe("unknown");
  }
  for (const socket of sockets) socket.destroy();
  hostile.server.close();
  noise.server.close();
});

test("Ctrl-C: what was not asked yet is unknown, and nothing more is sent", async () => {
  const stop = new AbortController();
  const values = Array.from({ length: 3 }, () => one("openrouter-api-key", key("sk-or-v1-{hex:64}")));
  const answers = await ask(values, { signal: stop.signal, sleep: async () => stop.abort() });
  expect(answers.map(({ validity }) => validity)).toEqual(["inactive", "unknown", "unknown"]);
  expect(calls).toHaveLength(1);
});

test("a name that leads into a private network is not called", async () => {
  const { port } = new URL(vendor.url);
  const call = { method: "GET", url: `http://localhost:${port}/api/v1/key`, pins: [`localhost:${port}`], timeout: 2000 };
  expect((await request(call)).status).toBe(401);
  await expect(request({ ...call, publicOnly: true })).rejects.toMatchObject({ code: "private-address" });
  expect(calls).toHaveLength(1);
});

function listening(onConnection: (socket: Socket) => void): Promise<{ url: string; server: Server }> {
  return new Promise((resolve) => {
    const server = createServer(onConnection);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve({ server, url: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}` });
    });
  });
}
