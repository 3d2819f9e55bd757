import { afterEach, describe, expect, test } from "vitest";
import { azureAi } from "../../src/provider/azure-ai.ts";
import { type AzureAi, startAzureAi } from "../../src/stand-in/azure-ai.ts";
import { driverContract } from "../contract/driver.ts";
import { many, vendorUnderTest } from "./vendors.ts";

driverContract("azure-ai", async () => {
  const server = await startAzureAi();
  many(45, (other) => server.createAccount(`other-${other}`));
  const { id, key1 } = server.createAccount("agent");
  return vendorUnderTest(
    azureAi,
    server,
    server.principal,
    key1,
    { list: ["GET", /accounts$/], issue: ["POST", /regenerateKey$/], probe: ["GET", /^\/openai\/models$/] },
    { attributes: { principal: id } },
  );
});

describe("the two slots of an Azure AI account", () => {
  let server: AzureAi | undefined;
  afterEach(() => server?.stop());
  const started = async () => {
    server = await startAzureAi();
    many(3, (other) => server?.createAccount(`other-${other}`));
    const account = server.createAccount("agent");
    const context = { host: server.url, credential: server.principal, timeout: 2000 };
    const { records } = (await azureAi.match?.(context, { attributes: {}, secret: account.key1 })) ?? { records: [] };
    const [record] = records;
    if (record === undefined) throw new Error("expected a record");
    return { at: server, account, context, record, attributes: { principal: account.id } };
  };

  test("the slot that nobody uses is regenerated first, then the leaked one, and nobody else's", async () => {
    const { at, account, context, record, attributes } = await started();
    const others = at.keys
      .all()
      .filter(({ id }) => !id.startsWith(`${account.id}#`))
      .map(({ value }) => value);
    const issued = await azureAi.issue?.(context, { name: "rekey-run-1", like: record, token: "t" });
    if (issued === undefined) throw new Error("expected a key");
    expect(issued.record.id).toBe(`${account.id}#key2`);
    for (const secret of [account.key1, issued.secret])
      expect(await azureAi.probe(context, { attributes, secret })).toMatchObject({ answer: "alive" });
    expect(await azureAi.probe(context, { attributes, secret: account.key2 })).toMatchObject({ answer: "invalid" });
    await azureAi.revoke?.(context, record, { attributes, secret: account.key1 });
    expect(await azureAi.probe(context, { attributes, secret: account.key1 })).toMatchObject({ answer: "invalid" });
    expect(await azureAi.probe(context, { attributes, secret: issued.secret })).toMatchObject({ answer: "alive" });
    expect(
      at.keys
        .all()
        .filter(({ id }) => !id.startsWith(`${account.id}#`))
        .map(({ value }) => value),
    ).toEqual(others);
  });

  test("a slot that somebody regenerated since is theirs, and stays", async () => {
    const { at, account, context, record, attributes } = await started();
    at.keys.set(`${account.id}#key1`, { value: "regenerated-by-somebody" });
    await azureAi.revoke?.(context, record, { attributes, secret: account.key1 });
    expect(at.valueOf(account.id, "key1")).toBe("regenerated-by-somebody");
    await expect(azureAi.revoke?.(context, record, { attributes })).rejects.toMatchObject({ code: "value-needed" });
  });

  test("without the account, which only Azure names, nothing is sent anywhere", async () => {
    const { account, context } = await started();
    const probed = await azureAi.probe(context, { attributes: {}, secret: account.key1 });
    expect(probed).toEqual({ answer: "unknown", code: "account-unknown" });
  });
});
