import { expect, test } from "vitest";
import { parseServerConfig } from "../../src/config/server.ts";
import { connectionOf, contextOf, type Rekey, targetOf } from "../../src/pipeline/context.ts";
import { openrouter } from "../../src/provider/openrouter.ts";
import { Secret } from "../../src/secret.ts";

const driver = { ...openrouter, manifest: { ...openrouter.manifest, type: "postgresql/role", hosts: [] } };
const config = parseServerConfig(
  `connections:
  first: { type: postgresql, host: "postgresql://db1.internal:5432/postgres" }
  second: { type: postgresql, host: "db2.internal" }
targets:
  - { type: postgresql, hosts: ["replica.internal:6432"], connection: second, environment: staging }
  - { type: mysql, hosts: ["mysql.internal:3306"] }
`,
  "rekey.yml",
);
const rekey = { config, credential: () => Secret.from("") } as unknown as Rekey;

test("only configured hosts of the type may get a value, whatever a finding says", () => {
  expect(contextOf(rekey, "first", driver).targets).toEqual(["db1.internal:5432", "db2.internal", "replica.internal:6432"]);
});

test.each([
  [{ host: "db1.internal", port: "5432" }, "first"],
  [{ host: "DB2.internal", port: "5433" }, "second"],
  [{ host: "replica.internal", port: "6432" }, "second"],
  [{ host: "elsewhere.example", port: "5432" }, "first"],
  [{}, "first"],
])("%j is administered by %s", (attributes, connection) => {
  expect(connectionOf(rekey, driver, attributes)).toBe(connection);
});

test("a target gives the environment of what lives there, a near miss does not", () => {
  expect(targetOf(rekey, driver, { host: "replica.internal", port: "6432" })?.environment).toBe("staging");
  expect(targetOf(rekey, driver, { host: "replica.internal", port: "6433" })).toBeUndefined();
  expect(targetOf(rekey, driver, { host: "mysql.internal", port: "3306" })).toBeUndefined();
});
