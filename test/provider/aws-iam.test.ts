import { afterAll, describe, expect, test } from "vitest";
import type { KeyRecord } from "../../src/driver.ts";
import { awsIam } from "../../src/provider/aws-iam.ts";
import { Secret } from "../../src/secret.ts";
import { driverContract } from "../contract/driver.ts";
import { startMoto } from "../servers/moto.ts";
import { motoUsers } from "../servers/moto-users.ts";
import { real } from "../servers/real.ts";

const moto = await real("moto", startMoto);
const iam = moto === undefined ? undefined : await motoUsers(moto);
afterAll(async () => {
  await moto?.stop();
});

describe.runIf(iam !== undefined)("AWS IAM on moto", () => {
  if (iam === undefined) return;
  const { context } = iam;

  driverContract("AWS IAM", async () => {
    const proxy = await iam.proxy();
    const { user, id, secret } = await iam.createUser();
    return {
      driver: awsIam,
      context: { ...context, host: proxy.url },
      leaked: secret,
      attributes: { id },
      living: () => iam.keys(user),
      stop: proxy.stop,
      blindToDisabled: true,
      powerless: Secret.from(`${id}:${secret.reveal()}`),
      faults: {
        fail: proxy.fail,
        calls: {
          list: ["POST", /^\/ListAccessKeys$/],
          issue: ["POST", /^\/CreateAccessKey$/],
          disable: ["POST", /^\/UpdateAccessKey$/],
          revoke: ["POST", /^\/DeleteAccessKey$/],
          probe: ["POST", /^\/GetCallerIdentity$/],
        },
      },
    };
  });

  async function leaked() {
    const made = await iam?.createUser();
    if (made === undefined) throw new Error("expected a user");
    const { records } = (await awsIam.match?.(context, { attributes: { id: made.id }, secret: made.secret })) ?? { records: [] };
    const [record] = records;
    if (record === undefined) throw new Error("expected a record");
    return { ...made, record };
  }
  const issue = (like: KeyRecord, name: string) => awsIam.issue?.(context, { name, like, token: name });

  test("a user with two keys gets no third, and the plan's holder reads which ones are there", async () => {
    const { user, record, id } = await leaked();
    const other = await iam.createKey(user);
    await expect(issue(record, "rekey-run-full")).rejects.toMatchObject({ code: "key-limit", message: expect.stringContaining(other.id) });
    expect(await iam.keys(user)).toEqual([id, other.id]);
  });

  test("a production key's id beside another secret names nobody", async () => {
    const [a, b] = [await leaked(), await leaked()];
    expect(await awsIam.match?.(context, { attributes: { id: a.id }, secret: b.secret })).toMatchObject({ records: [], grade: "weak" });
  });

  test("a deleted key is refused by STS as no key at all", async () => {
    const { record, id, secret } = await leaked();
    await awsIam.revoke?.(context, record, { attributes: {} });
    expect(await awsIam.probe(context, { attributes: { id }, secret })).toEqual({ answer: "invalid", code: "403 InvalidClientTokenId" });
  });

  test("a key that somebody else made, in use or long after, is not taken for the one of a lost answer", async () => {
    const { user, record } = await leaked();
    const made = await issue(record, "rekey-run-a");
    await awsIam.discard?.(context, { name: "rekey-run-a", like: record, companions: made?.companions ?? {} });
    const theirs = await iam.createKey(user);
    expect(await awsIam.discard?.(context, { name: "rekey-run-a", like: record })).toBe(0);
    expect(await iam.keys(user)).toContain(theirs.id);
  });

  test("without the user every user's keys are read, over all pages", async () => {
    const { id } = await leaked();
    expect((await awsIam.list?.(context, { attributes: {} }))?.map((key) => key.id)).toContain(id);
  });

  test("the key that Rekey works with is never touched", async () => {
    const own = context.credential?.reveal().split(":")[0] ?? "";
    const record: KeyRecord = { id: own, state: "active", attributes: { user: "x" } };
    await expect(awsIam.revoke?.(context, record, { attributes: {} })).rejects.toMatchObject({ code: "own-credential" });
    await expect(awsIam.disable?.(context, record)).rejects.toMatchObject({ code: "own-credential" });
  });
});
