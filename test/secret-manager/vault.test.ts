import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { connectVault } from "../../src/connection/vault.ts";
import { Secret } from "../../src/secret.ts";
import { vault } from "../../src/secret-manager/vault.ts";
import { startOpenBao } from "../../src/stand-in/openbao.ts";
import { sinkContract } from "../contract/sink.ts";
import { real } from "../servers/real.ts";

const bao = await real("OpenBao", startOpenBao);
afterAll(() => bao?.stop());

const context = { host: bao?.url ?? "", credential: bao?.token ?? Secret.from("none"), timeout: 5000 };
const client = connectVault({ host: context.host, token: context.credential, timeout: 5000 });

describe.runIf(bao !== undefined)("Vault KV v2", () => {
  sinkContract("OpenBao", () => ({
    sink: vault,
    context,
    path: () => `secret/agents/${randomBytes(6).toString("hex")}`,
    async write(path, fields) {
      const [mount, ...rest] = path.split("/");
      const { body } = await client.write(`${mount}/data/${rest.join("/")}`, { data: fields });
      return String((body as { data: { version: number } }).data.version);
    },
  }));

  test("a pending entry expires, and dropping it leaves no metadata", async () => {
    const place = { path: "secret/expiring", field: "KEY" };
    await vault.pend(context, place, "run-9", { KEY: Secret.from("a-value") });
    const listed = await client.list("secret/metadata/rekey-pending/run-9");
    const [name] = (listed.body as { data: { keys: string[] } }).data.keys;
    const { body } = await client.read(`secret/metadata/rekey-pending/run-9/${name}`);
    expect((body as { data: { delete_version_after: string } }).data.delete_version_after).toBe("168h0m0s");
    await vault.drop(context, place, "run-9");
    expect((await client.read(`secret/metadata/rekey-pending/run-9/${name}`)).code).toBe("absent");
  });

  test("an entry that did not exist is made, and undone by deleting that version", async () => {
    const place = { path: `secret/new-${randomBytes(4).toString("hex")}`, field: "KEY" };
    await vault.pend(context, place, "run-1", { KEY: Secret.from("a-value") });
    expect(await vault.promote(context, place, "run-1", "0")).toEqual({ version: "1" });
    await vault.restore(context, place, "run-1", { from: "1", to: "0" });
    expect(await vault.read(context, place)).toBeUndefined();
    await vault.restore(context, place, "run-1", { from: "1", to: "0" });
  });

  test("keeps what is no text in an entry as it is", async () => {
    await client.write("secret/data/shaped", { data: { KEY: "old", limits: { rpm: 5 }, on: true } });
    const place = { path: "secret/shaped", field: "KEY" };
    await vault.pend(context, place, "run-1", { KEY: Secret.from("new") });
    await vault.promote(context, place, "run-1", "1");
    const { body } = await client.read("secret/data/shaped");
    expect((body as { data: { data: unknown } }).data.data).toEqual({ KEY: "new", limits: { rpm: 5 }, on: true });
  });

  test("the inventory carries the entry's custom metadata as tags and pages into folders", async () => {
    await client.write("secret/data/deep/er/entry", { data: { KEY: "value" } });
    await client.write("secret/metadata/deep/er/entry", { custom_metadata: { owner: "mara" } });
    const found = [];
    for await (const { path, field, version, tags } of vault.entries(context)) {
      if (path.startsWith("secret/deep")) found.push({ path, field, version, tags });
    }
    expect(found).toEqual([{ path: "secret/deep/er/entry", field: "KEY", version: "1", tags: { owner: "mara" } }]);
  });

  test("a token without the right is a hold, never an absent entry", async () => {
    const { body } = await client.write("auth/token/create", { policies: ["default"], ttl: "5m" });
    const credential = Secret.from((body as { auth: { client_token: string } }).auth.client_token);
    await expect(vault.read({ ...context, credential }, { path: "secret/anything" })).rejects.toMatchObject({ code: "connection-refused" });
    // The client's own token is still the admin's: node-vault's tokenCreate() would have replaced it.
    expect((await client.read("auth/token/lookup-self")).code).toBe("ok");
  });
});

describe("a Vault that misbehaves", () => {
  const token = Secret.from(`token-${randomBytes(8).toString("hex")}`);

  async function against(
    answer: (headers: NodeJS.Dict<string | string[]>) => { status: number; headers?: Record<string, string>; body?: string } | "drop",
  ) {
    const server = createServer((incoming, response) => {
      incoming.resume();
      const given = answer(incoming.headers);
      if (given === "drop") return void incoming.socket.destroy();
      response.writeHead(given.status, given.headers).end(given.body ?? "");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { context: { host, credential: token, timeout: 500 }, close: () => server.close() };
  }

  const cases = [
    ["sealed", { status: 503, body: "{}" }, "RetryError"],
    ["a redirect elsewhere", { status: 307, headers: { location: "http://127.0.0.1:9/steal" } }, "HoldError"],
    ["an HTML page of a proxy", { status: 502, body: "<html>" }, "RetryError"],
    ["a connection that breaks off", "drop" as const, "RetryError"],
  ] as const;

  test.each(cases)("%s", async (_name, answer, error) => {
    const it = await against(() => answer);
    const thrown: unknown = await vault.read(it.context, { path: "secret/agents/triage" }).catch((caught: unknown) => caught);
    it.close();
    expect(thrown).toMatchObject({ name: error });
    expect(inspect(thrown, { depth: 10 })).not.toContain(token.reveal());
  });

  test("a lost answer of a write is an unknown outcome, with no value in it", async () => {
    let calls = 0;
    const it = await against(() => (++calls === 3 ? "drop" : calls === 1 ? { status: 404, body: '{"errors":[]}' } : { status: 204 }));
    const value = `value-${randomBytes(8).toString("hex")}`;
    const thrown: unknown = await vault
      .pend(it.context, { path: "secret/agents/triage", field: "KEY" }, "run-1", { KEY: Secret.from(value) })
      .catch((caught: unknown) => caught);
    it.close();
    expect(thrown).toMatchObject({ name: "UnknownOutcomeError" });
    expect(inspect(thrown, { depth: 10, showHidden: true })).not.toContain(value);
  });

  test("a plain http server that is not on loopback is never called", async () => {
    const elsewhere = { host: "http://vault.example.com:8200", credential: token, timeout: 500 };
    await expect(vault.read(elsewhere, { path: "secret/x" })).rejects.toMatchObject({ name: "RefusedError" });
  });

  test("a path that climbs out of its mount is refused", async () => {
    await expect(
      vault.read({ host: "http://127.0.0.1:9", credential: token, timeout: 500 }, { path: "secret/../sys/seal" }),
    ).rejects.toMatchObject({
      name: "RefusedError",
    });
  });
});
