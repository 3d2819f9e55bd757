import { afterAll, test as always, beforeAll, expect } from "vitest";
import type { DriverContext } from "../../src/driver.ts";
import { pinOf, request } from "../../src/http.ts";
import { vaultToken } from "../../src/provider/vault-token.ts";
import { Secret } from "../../src/secret.ts";
import { ensureOpenBao, type OpenBao, startOpenBao } from "../../src/stand-in/openbao.ts";
import { real } from "../servers/real.ts";

const test = always.runIf((await real("OpenBao", () => ensureOpenBao())) !== undefined);

let bao: OpenBao;
let context: DriverContext;
beforeAll(async () => {
  bao = await startOpenBao();
  context = { host: bao.url, credential: bao.token, timeout: 5000 };
});
afterAll(() => bao.stop());

/** A token as a person would have made it. */
async function leakedToken(): Promise<Secret> {
  const like = { id: "x", state: "active", attributes: { policies: "default" } } as const;
  const issued = await vaultToken.issue?.(context, { name: `rekey-seed-${Math.random().toString(36).slice(2)}`, like, token: "seed" });
  if (issued === undefined) throw new Error("expected a token");
  return issued.secret;
}

const probe = (secret: Secret) => vaultToken.probe(context, { attributes: {}, secret });

test("a leaked token is named by its accessor, replaced with the same policies, and dead by probe and control plane", async () => {
  const secret = await leakedToken();
  const { records, grade } = (await vaultToken.match?.(context, { attributes: {}, secret })) ?? { records: [], grade: "weak" };
  const [record] = records;
  if (record === undefined) throw new Error("expected a record");
  expect([records.length, grade, record.attributes["policies"]]).toEqual([1, "confirmed", "default"]);

  const issued = await vaultToken.issue?.(context, { name: "rekey-run-a", like: record, token: "a" });
  if (issued === undefined) throw new Error("expected a token");
  expect(await vaultToken.whoami?.(context, { attributes: {}, secret: issued.secret })).toMatchObject({ policies: "default" });

  await vaultToken.revoke?.(context, record, { attributes: {} });
  await vaultToken.revoke?.(context, record, { attributes: {} });
  expect(await probe(secret)).toEqual({ answer: "invalid", code: "403 permission denied" });
  expect(await probe(issued.secret)).toMatchObject({ answer: "alive", code: "200", tells: { scopes: "default" } });
  const left = (await vaultToken.list?.(context, { attributes: {} }))?.map(({ id }) => id);
  expect(left).not.toContain(record.id);
  expect(left).toContain(issued.record.id);
});

test("after a lost answer the token is found by its run's name and revoked, and nobody else's", async () => {
  const other = await leakedToken();
  const like = { id: "x", state: "active", attributes: { policies: "default" } } as const;
  const lost = await vaultToken.issue?.(context, { name: "rekey-run-lost", like, token: "lost" });
  expect(await vaultToken.discard?.(context, { name: "rekey-run-lost", like })).toBe(1);
  expect(await vaultToken.discard?.(context, { name: "rekey-run-lost", like })).toBe(0);
  expect((await probe(lost?.secret ?? Secret.from(""))).answer).toBe("invalid");
  expect((await probe(other)).answer).toBe("alive");
});

test("a value that is no token names nobody", async () => {
  expect(await vaultToken.match?.(context, { attributes: {}, secret: Secret.from("s.aaaaaaaaaaaaaaaaaaaaaaaa") })).toEqual({
    records: [],
    grade: "confirmed",
  });
});

test("a server that is away says unknown", async () => {
  expect(await vaultToken.probe({ host: "http://127.0.0.1:9", timeout: 500 }, { attributes: {}, secret: Secret.from("x") })).toMatchObject({
    answer: "unknown",
  });
});

/** Made beside the driver, as somebody else would. */
async function tokenOf(body: object): Promise<Secret> {
  const answer = await request({
    method: "POST",
    url: `${bao.url}/v1/auth/token/create`,
    headers: { "x-vault-token": bao.token.reveal(), "content-type": "application/json" },
    body: JSON.stringify(body),
    pins: [pinOf(bao.url)],
    timeout: 5000,
  });
  return Secret.from((JSON.parse(answer.body.toString()) as { auth: { client_token: string } }).auth.client_token);
}

test("a successor lives no longer than the leaked token did", async () => {
  const secret = await tokenOf({ policies: ["default"], ttl: "600s" });
  const [like] = (await vaultToken.match?.(context, { attributes: {}, secret }))?.records ?? [];
  if (like === undefined) throw new Error("expected a record");
  const issued = await vaultToken.issue?.(context, { name: "rekey-run-ttl", like, token: "ttl" });
  const [fresh] = (await vaultToken.match?.(context, { attributes: {}, secret: issued?.secret ?? Secret.from("") }))?.records ?? [];
  expect(fresh?.attributes).toEqual({ policies: "default", ttl: "600s" });
});

test.each([
  ["a limited number of uses", { policies: ["default"], num_uses: 50 }],
  ["the root policy", { policies: ["root"] }],
])("a token with %s gets no successor that is not its equal", async (_name, body) => {
  const secret = await tokenOf(body);
  const [like] = (await vaultToken.match?.(context, { attributes: {}, secret }))?.records ?? [];
  if (like === undefined) throw new Error("expected a record");
  await expect(vaultToken.issue?.(context, { name: "rekey-run-unequal", like, token: "u" })).rejects.toMatchObject({
    code: "not-equal-in-power",
  });
});

test("a connection without the right to look up says so, not that the token is unknown", async () => {
  const powerless = { ...context, credential: await tokenOf({ policies: ["default"] }) };
  await expect(vaultToken.match?.(powerless, { attributes: {}, secret: await leakedToken() })).rejects.toMatchObject({
    code: "connection-refused",
  });
});

test("the token that Rekey itself works with is never revoked", async () => {
  const { records } = (await vaultToken.match?.(context, { attributes: {}, secret: bao.token })) ?? { records: [] };
  const [own] = records;
  if (own === undefined) throw new Error("expected a record");
  await expect(vaultToken.revoke?.(context, own, { attributes: {} })).rejects.toMatchObject({ code: "own-credential" });
  expect((await probe(bao.token)).answer).toBe("alive");
});
