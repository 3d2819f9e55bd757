import { randomBytes } from "node:crypto";
import { afterAll, describe, expect, test } from "vitest";
import { connectVault } from "../../src/connection/vault.ts";
import { Secret } from "../../src/secret.ts";
import { vaultKv1 as sink } from "../../src/secret-manager/vault-kv1.ts";
import { startOpenBao } from "../../src/stand-in/openbao.ts";
import { plainSinkContract } from "../contract/plain-sink.ts";
import { real } from "../servers/real.ts";

const bao = await real("OpenBao", startOpenBao);
afterAll(() => bao?.stop());

const context = { host: bao?.url ?? "", credential: bao?.token ?? Secret.from("none"), timeout: 5000, mounts: ["kv"] };
const client = connectVault({ host: context.host, token: context.credential, timeout: 5000 });
if (bao !== undefined) await client.write("sys/mounts/kv", { type: "kv", options: { version: "1" } });

describe.runIf(bao !== undefined)("Vault KV v1", () => {
  plainSinkContract("OpenBao KV v1", async () => {
    const path = `kv/agents/${randomBytes(6).toString("hex")}`;
    return {
      sink,
      context,
      place: { path, field: "API_KEY" },
      async write(value) {
        await client.write(path, { API_KEY: value, OTHER: "stays" });
        return "1";
      },
      async seen(field) {
        const { body } = await client.read(path);
        return (body as { data?: Record<string, string> }).data?.[field];
      },
    };
  });

  test("what else stands in the entry stays, also what is no text", async () => {
    await client.write("kv/shaped", { API_KEY: "old", limits: { rpm: 5 } });
    await sink.promote(context, { path: "kv/shaped", field: "API_KEY" }, "run-1", "1", { API_KEY: Secret.from("new") });
    const { body } = await client.read("kv/shaped");
    expect((body as { data: unknown }).data).toEqual({ API_KEY: "new", limits: { rpm: 5 } });
  });

  test("the inventory walks into folders and lets go of the values", async () => {
    await client.write("kv/deep/er/app", { KEY: "inventory-value" });
    const seen: string[] = [];
    for await (const entry of sink.entries(context))
      if (entry.path === "kv/deep/er/app") seen.push(`${entry.field}=${entry.secret.reveal()}`);
    expect(seen).toEqual(["KEY=inventory-value"]);
  });
});
