import { X509Certificate } from "node:crypto";
import { afterEach, describe, expect, test } from "vitest";
import { bedrock } from "../../src/provider/bedrock.ts";
import { entra } from "../../src/provider/entra.ts";
import { googleApiKey } from "../../src/provider/google-api-key.ts";
import { googleServiceAccount } from "../../src/provider/google-service-account.ts";
import { Secret } from "../../src/secret.ts";
import { startBedrock } from "../../src/stand-in/bedrock.ts";
import { startEntra } from "../../src/stand-in/entra.ts";
import { startGoogle } from "../../src/stand-in/google.ts";
import { driverContract } from "../contract/driver.ts";
import { many, vendorUnderTest } from "./vendors.ts";

const account = "triage@agents.iam.gserviceaccount.com";

driverContract("google-api-key", async () => {
  const server = await startGoogle();
  many(230, (other) => server.createApiKey(`other ${other}`));
  const { secret } = server.createApiKey("agent", { apiTargets: [{ service: "generativelanguage.googleapis.com" }] });
  return vendorUnderTest(
    googleApiKey,
    server,
    server.admin,
    secret,
    {
      list: ["GET", /\/keys$/],
      issue: ["POST", /\/keys$/],
      disable: ["PATCH", /\/keys\//],
      revoke: ["DELETE", /\/keys\//],
      probe: ["GET", /models$/],
    },
    { living: () => server.living(), powerless: server.createAccountKey(account).secret },
  );
});

driverContract("google-service-account", async () => {
  const server = await startGoogle();
  many(4, () => server.createAccountKey(account));
  const powerless = server.createAccountKey("other@agents.iam.gserviceaccount.com").secret;
  const { secret } = server.createAccountKey(account);
  return vendorUnderTest(
    googleServiceAccount,
    { ...server, keys: server.accountKeys },
    server.admin,
    secret,
    {
      list: ["GET", /\/keys$/],
      issue: ["POST", /keys:upload$/],
      disable: ["POST", /:disable$/],
      revoke: ["DELETE", /\/keys\//],
      probe: ["POST", /^\/token$/],
    },
    { attributes: { client_email: account, principal: account }, powerless },
  );
});

driverContract("bedrock", async () => {
  const server = await startBedrock();
  many(120, (other) => server.createKey(`other-${other}`));
  return vendorUnderTest(
    bedrock,
    server,
    server.admin,
    server.createKey("triage"),
    {
      list: ["POST", /ListServiceSpecificCredentials$/],
      issue: ["POST", /CreateServiceSpecificCredential$/],
      disable: ["POST", /UpdateServiceSpecificCredential$/],
      revoke: ["POST", /DeleteServiceSpecificCredential$/],
      probe: ["GET", /foundation-models$/],
    },
    { attributes: { principal: "triage" }, powerless: Secret.from(`AKIA${"A".repeat(16)}:x`) },
  );
});

driverContract("entra", async () => {
  const server = await startEntra();
  many(130, (other) => server.createSecret(server.createApplication().client, `other ${other}`));
  const { client } = server.createApplication();
  server.createSecret(client, "another of the same application");
  return vendorUnderTest(
    entra,
    server,
    server.principal,
    server.createSecret(client, "agent"),
    {
      list: ["GET", /applications$/],
      issue: ["POST", /addPassword$/],
      revoke: ["POST", /removePassword$/],
      probe: ["POST", /token$/],
    },
    { attributes: { principal: client } },
  );
});

describe("Google API keys", () => {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });
  const started = async () => {
    const server = await startGoogle();
    stops.push(server.stop);
    return { server, context: { host: server.url, credential: server.admin, timeout: 2000 } };
  };

  test("a contained key is bound to an address that nobody has, and enabling gives it back what it was bound to", async () => {
    const { server, context } = await started();
    const restrictions = {
      apiTargets: [{ service: "maps.googleapis.com" }],
      browserKeyRestrictions: { allowedReferrers: ["acme.example"] },
    };
    const { secret } = server.createApiKey("site", restrictions);
    const [before] = (await googleApiKey.match?.(context, { attributes: {}, secret }))?.records ?? [];
    if (before === undefined) throw new Error("expected a record");
    await googleApiKey.disable?.(context, before);
    expect(await googleApiKey.probe(context, { attributes: {}, secret })).toEqual({
      answer: "unknown",
      code: "403 API_KEY_IP_ADDRESS_BLOCKED",
    });
    const [contained] = (await googleApiKey.match?.(context, { attributes: {}, secret }))?.records ?? [];
    expect(contained).toMatchObject({ state: "disabled", attributes: { restrictions: JSON.stringify(restrictions) } });
    await googleApiKey.enable?.(context, before);
    const [after] = (await googleApiKey.match?.(context, { attributes: {}, secret }))?.records ?? [];
    expect(after).toEqual(before);
  });

  test("a successor is bound to the same APIs and callers as the key before it", async () => {
    const { server, context } = await started();
    const restrictions = { serverKeyRestrictions: { allowedIps: ["198.51.100.7"] } };
    const { secret } = server.createApiKey("server", restrictions);
    const [like] = (await googleApiKey.match?.(context, { attributes: {}, secret }))?.records ?? [];
    if (like === undefined) throw new Error("expected a record");
    const issued = await googleApiKey.issue?.(context, { name: "rekey-run-1", like, token: "t" });
    expect(issued?.record).toMatchObject({ name: "rekey-run-1", attributes: { restrictions: JSON.stringify(restrictions) } });
  });
});

describe("keys of Google service accounts", () => {
  test("the new private half is never sent: Google gets a certificate that is named by the run", async () => {
    const server = await startGoogle();
    const context = { host: server.url, credential: server.admin, timeout: 2000 };
    const secret = Secret.from((JSON.parse(server.createAccountKey(account).secret.reveal()) as { private_key: string }).private_key);
    // as a finding has it: the private key alone, as it stands in JSON, and the account beside it
    const leaked = Secret.from(secret.reveal().replaceAll("\n", "\\n"));
    const attributes = { client_email: account };
    const { records, grade } = (await googleServiceAccount.match?.(context, { attributes, secret: leaked })) ?? { records: [] };
    expect([records.length, grade]).toEqual([1, "confirmed"]);
    expect(await googleServiceAccount.probe(context, { attributes, secret: leaked })).toMatchObject({ answer: "alive" });
    const [like] = records;
    if (like === undefined) throw new Error("expected a record");
    const prepared = await googleServiceAccount.prepare?.(context, { name: "rekey-run-1", like, token: "t" });
    if (prepared === undefined) throw new Error("expected a value");
    const issued = await googleServiceAccount.issue?.(context, { name: "rekey-run-1", like, token: "t", prepared });
    const pem = server.accountKeys.get(issued?.record.id)?.fields["certificate"];
    const certificate = new X509Certificate(String(pem));
    expect([certificate.subject, certificate.verify(certificate.publicKey)]).toEqual(["CN=rekey-run-1", true]);
    expect(String(pem)).not.toContain("PRIVATE");
    const file = JSON.parse(prepared.secret.reveal()) as Record<string, string>;
    expect([file["type"], file["client_email"], file["project_id"]]).toEqual(["service_account", account, "agents"]);
    expect(await googleServiceAccount.probe(context, { attributes: {}, secret: prepared.secret })).toMatchObject({ answer: "alive" });
    await server.stop();
  });

  test("an account with ten keys gets no eleventh, and the key that Rekey works with stays", async () => {
    const server = await startGoogle();
    const context = { host: server.url, credential: server.admin, timeout: 2000 };
    many(9, () => server.createAccountKey(account));
    const { secret } = server.createAccountKey(account);
    const [like] = (await googleServiceAccount.match?.(context, { attributes: {}, secret }))?.records ?? [];
    if (like === undefined) throw new Error("expected a record");
    const prepared = await googleServiceAccount.prepare?.(context, { name: "rekey-run-1", like, token: "t" });
    if (prepared === undefined) throw new Error("expected a value");
    await expect(googleServiceAccount.issue?.(context, { name: "rekey-run-1", like, token: "t", prepared })).rejects.toMatchObject({
      code: "key-limit",
    });
    const [own] = (await googleServiceAccount.match?.(context, { attributes: {}, secret: server.admin }))?.records ?? [];
    if (own === undefined) throw new Error("expected a record");
    await expect(googleServiceAccount.revoke?.(context, own, { attributes: {} })).rejects.toMatchObject({ code: "own-credential" });
    await server.stop();
  });
});

test("an Entra secret finds its application among those of the tenant, and is sent to no other's log-in than Entra's", async () => {
  const server = await startEntra();
  const context = { host: server.url, credential: server.principal, timeout: 2000 };
  many(30, (other) => server.createSecret(server.createApplication().client, `other ${other}`));
  const { client } = server.createApplication();
  const secret = server.createSecret(client, "agent");
  const { records, grade } = (await entra.match?.(context, { attributes: {}, secret })) ?? { records: [] };
  expect([records.map(({ principal, name }) => [principal, name]), grade]).toEqual([[[client, "agent"]], "strong"]);
  expect(await entra.probe({ ...context, host: "https://graph.microsoft.com", timeout: 1 }, { attributes: {}, secret })).toEqual({
    answer: "unknown",
    code: "application-unknown",
  });
  await server.stop();
});

test("a user with two Bedrock keys gets no third, and an alias around a value that AWS does not take names nobody", async () => {
  const server = await startBedrock();
  const context = { host: server.url, credential: server.admin, timeout: 2000 };
  const secret = server.createKey("triage");
  server.createKey("triage");
  const [like] = (await bedrock.match?.(context, { attributes: {}, secret }))?.records ?? [];
  if (like === undefined) throw new Error("expected a record");
  await expect(bedrock.issue?.(context, { name: "rekey-run-1", like, token: "t" })).rejects.toMatchObject({ code: "key-limit" });
  const forged = Secret.from(`ABSK${Buffer.from(`${like.hint}:${"x".repeat(44)}`).toString("base64")}`);
  expect(await bedrock.match?.(context, { attributes: {}, secret: forged })).toEqual({ records: [], grade: "weak" });
  await server.stop();
});
