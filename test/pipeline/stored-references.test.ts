import { expect, test } from "vitest";
import { parseServerConfig } from "../../src/config/server.ts";
import { silentLog } from "../../src/log.ts";
import { storedReferences } from "../../src/pipeline/stored-references.ts";
import { Secret } from "../../src/secret.ts";
import { createMemorySink } from "../../src/secret-manager/memory.ts";

const config = (more = "") =>
  parseServerConfig(
    `connections:\n  behind: { type: openrouter, host: h, credential: "vault:secret/rekey/openrouter#KEY" }\n${more}`,
    "rekey.yml",
  );
const opener = "  store: { type: vault, host: h, credential: env:TOKEN }\n";
const direct = () => Secret.from("token");

test("a credential in a secret manager is read through a connection that is not in one itself, and read again", async () => {
  const sink = createMemorySink();
  sink.set("secret/rekey/openrouter", { KEY: "first" });
  const stored = await storedReferences(config(opener), direct, () => sink);
  const reference = "vault:secret/rekey/openrouter#KEY";
  stored.get(reference)?.wipe();
  expect(stored.get(reference)?.reveal(), "wiping a copy leaves the next one whole").toBe("first");
  expect(stored.get("env:TOKEN")).toBeUndefined();
  sink.set("secret/rekey/openrouter", { KEY: "second" });
  await stored.refresh(silentLog);
  expect(stored.get(reference)?.reveal()).toBe("second");
  sink.set("secret/rekey/openrouter", { OTHER: "x" });
  await stored.refresh(silentLog);
  expect(stored.get(reference)?.reveal(), "what cannot be read now stays as it was").toBe("second");
});

test.each([
  ["no connection opens it", config(), "needs a connection of type vault whose own credential is env:NAME or file:PATH"],
  ["the field is not there", config(opener), "'store' has no such entry or field"],
])("%s: nothing starts", async (_name, wrong, message) => {
  const sink = createMemorySink();
  sink.set("secret/rekey/openrouter", { OTHER: "x" });
  await expect(storedReferences(wrong, direct, () => sink)).rejects.toThrow(message);
});
