import { z } from "zod";
import { pinOf, request } from "../http.ts";
import { type DemoWorld, place } from "./demo-world.ts";

/** The consumer: calls the model provider all the time with the key that it reads from the secret manager. */
export interface Agent {
  readonly calls: () => number;
  readonly failed: () => number;
  stop(): Promise<void>;
}

const Entry = z.object({ data: z.object({ data: z.record(z.string(), z.string()), metadata: z.object({ version: z.number() }) }) });

/** One call after the other. A new version is reported after the last call with the one before has returned (contracts.md §8). */
export function startAgent(world: DemoWorld): Agent {
  let running = true;
  let calls = 0;
  let failed = 0;
  const loop = (async () => {
    let reported = 0;
    while (running) {
      const { version, key } = await readKey(world);
      if (await callModel(world, key)) calls++;
      else {
        calls++;
        failed++;
      }
      if (version !== reported) {
        await report(world, version);
        reported = version;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  return {
    calls: () => calls,
    failed: () => failed,
    async stop() {
      running = false;
      await loop;
    },
  };
}

async function readKey({ store }: DemoWorld): Promise<{ version: number; key: string }> {
  const answer = await request({
    method: "GET",
    url: `${store.url}/v1/secret/data/agents/triage`,
    headers: { "x-vault-token": store.token.reveal() },
    pins: [pinOf(store.url)],
    timeout: 10_000,
  });
  const { data } = Entry.parse(JSON.parse(answer.body.toString("utf8")));
  return { version: data.metadata.version, key: data.data[place.field] ?? "" };
}

async function callModel({ provider }: DemoWorld, key: string): Promise<boolean> {
  const { status } = await request({
    method: "POST",
    url: `${provider.url}/api/v1/chat/completions`,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "demo/model", messages: [{ role: "user", content: "Which ticket is next?" }] }),
    pins: [pinOf(provider.url)],
    timeout: 10_000,
  });
  return status === 200;
}

async function report({ server, consumerToken }: DemoWorld, version: number): Promise<void> {
  await request({
    method: "POST",
    url: `${server.url}/api/v1/consumers/triage-agent/version`,
    headers: { authorization: `Bearer ${consumerToken}`, "content-type": "application/json" },
    body: JSON.stringify({ connection: place.connection, path: place.path, version: String(version) }),
    pins: [pinOf(server.url)],
    timeout: 10_000,
  });
}
