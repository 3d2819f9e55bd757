import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadRuleset } from "../../src/config/detectors.ts";
import type { Detector } from "../../src/detector/schema.ts";
import { guidedPlaybook } from "../../src/playbook/guided.ts";
import { makePlan } from "../../src/playbook/plan.ts";
import { guidedDriver } from "../../src/provider/guided.ts";
import { driverFor } from "../../src/provider/index.ts";
import { Secret } from "../../src/secret.ts";
import { startVendor, type VendorServer } from "../../src/stand-in/vendor.ts";

let detectors: readonly Detector[];
let server: VendorServer;
const live = Secret.from(randomBytes(20).toString("hex"));
beforeAll(async () => {
  detectors = (await loadRuleset()).detectors.map(({ detector }) => detector);
  server = await startVendor((app) => {
    app.get("/v2/account", (context) =>
      context.req.header("authorization") === `Bearer ${live.reveal()}`
        ? context.json({ account: {} })
        : context.json({ id: "Unauthorized" }, 401),
    );
  });
});
afterAll(() => server.stop());

const detector = (id: string): Detector => {
  const found = detectors.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no detector ${id}`);
  return found;
};

test("a type without a key API is probed by its detector's check, at the host that the check names and no other", async () => {
  const driver = guidedDriver(detector("digitalocean-token"));
  expect(driver.manifest).toMatchObject({ class: "manual", hosts: ["api.digitalocean.com"], invalidMeansDead: false });
  const context = { host: server.url, timeout: 2000 };
  expect(await driver.probe(context, { attributes: {}, secret: live })).toEqual({ answer: "alive", code: "200" });
  expect(await driver.probe(context, { attributes: {}, secret: Secret.from("0".repeat(40)) })).toEqual({ answer: "invalid", code: "401" });
  server.fail("GET", /account$/, "html");
  expect(await driver.probe(context, { attributes: {}, secret: live })).toMatchObject({ answer: "unknown" });
});

test("every detector without a driver has a guided plan that names its page and never starts by itself", () => {
  const guided = detectors.filter(({ id }) => driverFor(id) === undefined);
  expect(guided.length).toBeGreaterThan(500);
  for (const one of guided) {
    const { manifest } = guidedDriver(one);
    const plan = makePlan(guidedPlaybook(manifest), manifest, {
      incident: "RK-1",
      credential: { fingerprint: "fp1:x:y", detector: one.id, title: one.name },
      attributes: {},
      sinks: [],
      consumers: "unknown",
      mode: "revoke-first",
      timeouts: { consumers: 1, soak: 1 },
    });
    const page = one.revoke.replace(/^none: /, "");
    expect(plan.steps.slice(0, 2).map(({ id, manual }) => [id, manual?.page])).toEqual([
      ["make", page],
      ["end", page],
    ]);
    expect(plan.blockers.join()).toContain("by hand");
    expect(plan.steps.some(({ uses }) => uses === "proof/dead@1")).toBe(one.check !== undefined && "method" in one.check);
  }
});

test("a guided plan says what to put where, and what a declaration says is text", () => {
  const { manifest } = guidedDriver(detector("stripe-restricted-key"));
  const places = [
    { connection: "store", sink: "vault", path: `secret/agents/${"${{"} public }}`, field: "STRIPE_KEY" },
    { connection: "cluster", sink: "external-secrets", path: "payments/stripe", refresh: true as const },
  ];
  const plan = makePlan(guidedPlaybook(manifest, places), manifest, {
    incident: "RK-1",
    credential: { fingerprint: "fp1:x:y", detector: "stripe-restricted-key", title: "Stripe restricted key" },
    attributes: {},
    sinks: places,
    consumers: "none",
    mode: "revoke-first",
    timeouts: { consumers: 1, soak: 1 },
  });
  expect(plan.steps.map(({ title }) => title)).toEqual([
    "Make a new Stripe restricted key and put it into store:secret/agents/ public }}, field STRIPE_KEY",
    "Once its consumers run on the new one, end the leaked Stripe restricted key",
    "Prove it dead: /rekey verify asks the vendor three times",
  ]);
});

/** rotation.md 3.2 and 3.3: whatever has no driver of its own. */
test.each([
  ..."exa xai perplexity wandb fireworks mistral groq cohere together voyage jina helicone sendgrid auth0"
    .split(" ")
    .map((name) => new RegExp(`^${name}-`)),
  ..."replicate deepseek pypi stripe twilio datadog sentry grafana vercel netlify heroku digitalocean"
    .split(" ")
    .map((name) => new RegExp(`^${name}-`)),
  ..."doppler buildkite cargo twitch terraform fastly okta jfrog docker discord telegram atlassian"
    .split(" ")
    .map((name) => new RegExp(`^${name}-`)),
  ..."linear notion mongodb amqp".split(" ").map((name) => new RegExp(`^${name}-`)),
])("%s has a page, or says where", (id) => {
  const served = detectors.filter((one) => id.test(one.id));
  expect(served.length).toBeGreaterThan(0);
  for (const { id: type, revoke } of served) expect(`${type}: ${revoke}`).toMatch(/^\S+: (https:\/\/\S+|none: .{20,})$/);
});
