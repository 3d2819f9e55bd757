import { expect, test } from "vitest";
import { portkey } from "../../src/provider/portkey.ts";
import { Secret } from "../../src/secret.ts";
import { startPortkey } from "../../src/stand-in/portkey.ts";
import { driverContract } from "../contract/driver.ts";
import { many, vendorUnderTest } from "./vendors.ts";

driverContract("portkey", async () => {
  const server = await startPortkey();
  many(220, (other) => server.createKey(`other ${other}`));
  return vendorUnderTest(
    portkey,
    server,
    server.adminKey,
    server.createKey("agent").secret,
    {
      list: ["GET", /^\/v1\/api-keys$/],
      issue: ["POST", /service$/],
      roll: ["POST", /rotate$/],
      revoke: ["DELETE", /^\/v1\/api-keys\//],
      probe: ["GET", /models$/],
    },
    { elapse: server.elapse },
  );
});

test("the letters that every token of a self-hosted gateway begins with name no key", async () => {
  const server = await startPortkey();
  const token = Secret.from(`eyJhbGciOiJIUzI1NiJ9.${"a".repeat(20)}.${"b".repeat(28)}`);
  server.keys.add({ name: "agent", value: token.reveal() });
  const context = { host: server.url, credential: server.adminKey, timeout: 2000 };
  expect(await portkey.match?.(context, { attributes: {}, secret: token })).toMatchObject({ records: [], grade: "weak" });
  await server.stop();
});

test("a shorter transition than the vendor takes is asked for as the shortest that it takes", async () => {
  const server = await startPortkey();
  const { id } = server.createKey("agent");
  const context = { host: server.url, credential: server.adminKey, timeout: 2000 };
  const record = { id, state: "active", attributes: {} } as const;
  const issued = await portkey.roll?.(context, record, { name: "rekey-run-1", token: "t", grace: 10 });
  expect(Date.parse(issued?.oldEndsAt ?? "") - Date.now()).toBeGreaterThan(1_790_000);
  await server.stop();
});
