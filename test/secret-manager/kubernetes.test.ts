import { randomBytes } from "node:crypto";
import { afterAll, describe, expect, test } from "vitest";
import { Secret } from "../../src/secret.ts";
import { kubernetes as sink } from "../../src/secret-manager/kubernetes.ts";
import { startKubernetes } from "../../src/stand-in/kubernetes.ts";
import { sinkContract } from "../contract/sink.ts";

const cluster = await startKubernetes();
afterAll(() => cluster.stop());

const context = { host: cluster.url, credential: cluster.token, timeout: 3000, mounts: ["agents"] };
const path = () => `agents/app-${randomBytes(4).toString("hex")}`;

sinkContract("Kubernetes", () => ({ sink, context, path, write: async (at, fields) => cluster.write(at, fields) }), ["quarantine"]);

describe("Kubernetes Secrets", () => {
  const value = { API_KEY: Secret.from("new") };

  test("a run that ended leaves no Secret of ours behind", async () => {
    const place = { path: path(), field: "API_KEY" };
    const from = cluster.write(place.path, { API_KEY: "old" });
    const before = cluster.names();
    await sink.pend(context, place, "run-1", value);
    await sink.promote(context, place, "run-1", from);
    expect(cluster.names().length).toBe(before.length + 2);
    await sink.drop(context, place, "run-1");
    expect(cluster.names()).toEqual(before);
  });

  test("a lost answer of the change is found to be done", async () => {
    const place = { path: path(), field: "API_KEY" };
    const from = cluster.write(place.path, { API_KEY: "old" });
    await sink.pend(context, place, "run-1", value);
    cluster.fail("PATCH", new RegExp(`/${place.path.split("/")[1]}$`), "drop-after");
    await expect(sink.promote(context, place, "run-1", from)).rejects.toMatchObject({ name: "UnknownOutcomeError" });
    const { version } = await sink.promote(context, place, "run-1", from);
    expect((await sink.read(context, place))?.version).toBe(version);
    expect(cluster.valueOf(place.path, "API_KEY")).toBe("new");
  });

  test("a label that somebody sets meanwhile does not keep the old values from coming back", async () => {
    const place = { path: path(), field: "API_KEY" };
    const from = cluster.write(place.path, { API_KEY: "old" });
    await sink.pend(context, place, "run-1", { ...value, API_KEY_ID: Secret.from("id-2") });
    const { version } = await sink.promote(context, place, "run-1", from);
    cluster.write(place.path, { API_KEY: "new", API_KEY_ID: "id-2" }, { metadata: { labels: { seen: "yes" } } });
    await sink.restore(context, place, "run-1", { from: version, to: from });
    expect([cluster.valueOf(place.path, "API_KEY"), cluster.valueOf(place.path, "API_KEY_ID")]).toEqual(["old", undefined]);
  });

  test.each([
    ["an ExternalSecret's", { metadata: { ownerReferences: [{ kind: "ExternalSecret", name: "app", controller: true }] } }, "sink-managed"],
    ["an immutable one", { immutable: true }, "sink-managed"],
  ])("%s is not written, and the sentence says what to declare instead", async (_what, more, code) => {
    const place = { path: path(), field: "API_KEY" };
    const from = cluster.write(place.path, { API_KEY: "old" }, more);
    await sink.pend(context, place, "run-1", value);
    await expect(sink.promote(context, place, "run-1", from)).rejects.toMatchObject({ code });
    expect(cluster.valueOf(place.path, "API_KEY")).toBe("old");
    expect((await sink.inspect?.(context, place))?.blocked).toMatch(/Declare its source|make a new one/);
  });

  test("a namespace that this account may not list is left out, and no list is cut short", async () => {
    for (let other = 0; other < 260; other++) cluster.write(`many/app-${other}`, { KEY: `value ${other}` });
    const seen: string[] = [];
    for await (const entry of sink.entries({ ...context, mounts: ["forbidden", "many"] })) seen.push(entry.path);
    expect(seen).toHaveLength(260);
  });

  test.each(["secret/agents/triage", "agents", "agents/../x", "Agents/app", ""])("'%s' names no Secret", async (at) => {
    await expect(sink.read(context, { path: at })).rejects.toMatchObject({ code: "bad-place" });
  });

  test("a token that is refused is told so", async () => {
    const wrong = { ...context, credential: Secret.from("wrong") };
    await expect(sink.read(wrong, { path: path() })).rejects.toMatchObject({ code: "connection-refused" });
  });
});
