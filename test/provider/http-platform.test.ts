import { expect, test } from "vitest";
import { cloudflare } from "../../src/provider/cloudflare.ts";
import { gitlab } from "../../src/provider/gitlab.ts";
import { npm } from "../../src/provider/npm.ts";
import { slack } from "../../src/provider/slack.ts";
import { startCloudflare } from "../../src/stand-in/cloudflare.ts";
import { startGitLab } from "../../src/stand-in/gitlab.ts";
import { startNpm } from "../../src/stand-in/npm.ts";
import { startSlack } from "../../src/stand-in/slack.ts";
import { startVendor } from "../../src/stand-in/vendor.ts";
import { driverContract } from "../contract/driver.ts";
import { many, vendorUnderTest } from "./vendors.ts";

driverContract("slack", async () => {
  const server = await startSlack();
  many(5, (other) => server.createToken(`other-${other}`));
  return vendorUnderTest(slack, server, undefined, server.createToken("mara"), { revoke: ["POST", /revoke$/], probe: ["POST", /test$/] });
});

driverContract("cloudflare", async () => {
  const server = await startCloudflare();
  many(120, (other) => server.createToken(`other ${other}`));
  return vendorUnderTest(cloudflare, server, server.adminToken, server.createToken("agent").secret, {
    list: ["GET", /tokens$/],
    issue: ["POST", /tokens$/],
    disable: ["PUT", /tokens\//],
    revoke: ["DELETE", /tokens\//],
    probe: ["GET", /verify$/],
  });
});

driverContract("gitlab", async () => {
  const server = await startGitLab();
  many(150, (other) => server.createToken(1, `other ${other}`));
  return vendorUnderTest(
    gitlab,
    server,
    server.adminToken,
    server.createToken(7, "agent").secret,
    {
      list: ["GET", /personal_access_tokens$/],
      issue: ["POST", /personal_access_tokens$/],
      revoke: ["DELETE", /personal_access_tokens\//],
      probe: ["GET", /self$/],
    },
    { living: () => server.living() },
  );
});

driverContract("npm", async () => {
  const server = await startNpm();
  many(35, (other) => server.createToken("acme-bot", `other ${other}`));
  many(5, (other) => server.createToken("somebody", `foreign ${other}`));
  return vendorUnderTest(npm, server, server.ownToken, server.createToken("acme-bot", "ci"), {
    list: ["GET", /tokens$/],
    revoke: ["DELETE", /tokens\//],
    probe: ["GET", /whoami$/],
  });
});

test("an npm token of another account is nobody's here, and a one-time password is asked of a person", async () => {
  const server = await startNpm();
  const [theirs, ours] = [server.createToken("somebody", "ci"), server.createToken("acme-bot", "ci")];
  const context = { host: server.url, credential: server.ownToken, timeout: 2000 };
  expect(await npm.match?.(context, { attributes: {}, secret: theirs })).toMatchObject({ records: [] });
  const [record] = (await npm.match?.(context, { attributes: {}, secret: ours }))?.records ?? [];
  if (record === undefined) throw new Error("expected a record");
  server.askForOtp();
  await expect(npm.revoke?.(context, record, { attributes: {} })).rejects.toMatchObject({ code: "otp-needed" });
  expect(await npm.probe(context, { attributes: {}, secret: ours })).toMatchObject({ answer: "alive" });
  await server.stop();
});

test("GitLab is never asked to rotate", () => {
  expect(gitlab.roll).toBeUndefined();
  expect(gitlab.manifest.verbs.roll).toBeUndefined();
});

test("a Slack account that is only inactive is not a dead token, and free text of an answer stands nowhere", async () => {
  const server = await startVendor((app) => {
    app.post("/api/auth.test", (context) => context.json({ ok: false, error: "account_inactive" }));
    app.post("/api/auth.revoke", (context) => context.json({ ok: false, error: "<b>call us</b> please" }));
  });
  const token = (await startSlackToken()).token;
  const context = { host: server.url, timeout: 2000 };
  expect(await slack.probe(context, { attributes: {}, secret: token })).toEqual({ answer: "unknown", code: "200 account_inactive" });
  const record = { id: "by-possession", state: "active", attributes: {} } as const;
  await expect(slack.revoke?.(context, record, { attributes: {}, secret: token })).rejects.toThrow(/Slack answered something else/);
  await server.stop();
});

async function startSlackToken() {
  const server = await startSlack();
  const token = server.createToken("mara");
  await server.stop();
  return { token };
}
