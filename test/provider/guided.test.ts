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
    expect(plan.steps[0]?.manual?.page).toBe(one.revoke.replace(/^none: /, ""));
    expect(plan.blockers.join()).toContain("by hand");
    expect(plan.steps.some(({ uses }) => uses === "proof/dead@1")).toBe(one.check !== undefined && "method" in one.check);
  }
});
