import { chmodSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseServerConfig, readReference, unknownConnection } from "../../src/config/server.ts";
import { ConfigError } from "../../src/errors.ts";

function problem(text: string): string {
  try {
    parseServerConfig(text, "rekey.yml");
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error("expected a ConfigError");
}

describe("rekey.yml", () => {
  test("an empty policy observes and rotates nothing by itself", () => {
    const { policy, listen } = parseServerConfig("policy: {}", "rekey.yml");
    expect(policy).toMatchObject({ rollout: "observe", automatic: "off", mode: "graceful", consumers: { timeout: 1_800_000 } });
    expect(listen).toEqual({ host: "127.0.0.1", port: 3000 });
  });

  test.each([
    ["unknown key", "policy:\n  rollout: check\n  roll_out: block\n", "rekey.yml:3:3: policy: unknown key 'roll_out'"],
    [
      "wrong word",
      "policy:\n  mode: fast\n",
      'rekey.yml:2:9: policy.mode: Invalid option: expected one of "graceful"|"contain-first"|"revoke-first"',
    ],
    ["duration", "policy:\n  soak: 5\n", "rekey.yml:2:9: policy.soak: Invalid input: expected string, received number"],
    [
      "a value where a reference belongs",
      "connections:\n  prod:\n    type: vault\n    host: https://vault.example\n    credential: s.abc\n",
      "rekey.yml:5:17: connections.prod.credential: expected env:NAME, file:PATH, vault:PATH#FIELD or aws:SECRET#FIELD, never the value itself",
    ],
    ["duplicate key", "policy: {}\npolicy: {}\n", "rekey.yml:2:1: not valid YAML: Map keys must be unique"],
    [
      "a target that is an address",
      "targets:\n  - { type: postgresql, hosts: ['https://db.internal'] }\n",
      "rekey.yml:2:33: targets.0.hosts.0: expected host or host:port",
    ],
    [
      "a log-in that presents nothing",
      "connections:\n  prod: { type: vault, host: 'https://v', auth: { method: jwt, role: rekey } }\n",
      "rekey.yml:2:49: connections.prod.auth: expected a credential that the log-in presents: a secret ID, or the file of a JWT",
    ],
    [
      "a log-in that only Vault has",
      "connections:\n  prod: { type: aws, host: eu-west-1, credential: env:X, auth: { method: jwt, role: rekey } }\n",
      "rekey.yml:2:64: connections.prod.auth: expected only on a connection to Vault or OpenBao",
    ],
    ["a quarantine without end", "quarantine: { connection: store, ttl: 31d }\n", "rekey.yml:1:39: quarantine.ttl: expected at most 30d"],
  ])("%s: says file, line and what was expected", (_name, text, message) => {
    expect(problem(text)).toBe(message);
  });

  test("a log-in is mounted under its method's name unless told otherwise", () => {
    const text = "connections: { v: { type: vault, host: 'https://v', credential: env:X, auth: { method: kubernetes, role: rekey } } }";
    expect(parseServerConfig(text, "rekey.yml").connections["v"]?.auth).toEqual({
      method: "kubernetes",
      role: "rekey",
      mount: "kubernetes",
    });
  });

  test("several problems are all named", () => {
    expect(problem("polcy: {}\nlisten: { port: 99999 }\n").split("\n")).toHaveLength(2);
  });
});

test("a credential file that others may read is refused", () => {
  const file = join(mkdtempSync(join(tmpdir(), "rekey-")), "token");
  writeFileSync(file, "generated\n");
  chmodSync(file, 0o644);
  expect(() => readReference(`file:${file}`)).toThrow(/others may read this credential \(mode 644\); run chmod 600/);
  chmodSync(file, 0o600);
  expect(readReference(`file:${file}`).reveal()).toBe("generated");
});

test("a connection of a type that no driver has is named, with what there is", () => {
  const config = parseServerConfig("connections:\n  prod:\n    type: vaults\n    host: https://vault.example\n", "rekey.yml");
  expect(unknownConnection(config, ["vault", "aws", "vault"])).toBe("connections.prod.type: expected one of aws, vault, got 'vaults'");
  expect(unknownConnection(config, ["vaults"])).toBeUndefined();
});
