import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { Fields } from "../../src/github/envelope.ts";
import { checkSecrets, ingest } from "../../src/github/ingest.ts";

const secret = randomBytes(24).toString("hex");
const older = randomBytes(24).toString("hex");

function delivery(body: string, options: { secret?: string; signature?: string; guid?: string; event?: string } = {}): Request {
  const signature =
    options.signature ??
    `sha256=${createHmac("sha256", options.secret ?? secret)
      .update(body)
      .digest("hex")}`;
  return new Request("http://127.0.0.1/api/github/webhooks", {
    method: "POST",
    body,
    headers: {
      "x-hub-signature-256": signature,
      "x-github-delivery": options.guid ?? randomUUID(),
      "x-github-event": options.event ?? "issue_comment",
    },
  });
}

function store() {
  const kept = new Map<string, { event: string; fields: Fields }>();
  return {
    kept,
    record: async ({ guid, event, fields }: { guid: string; event: string; fields: Fields }) => {
      if (kept.has(guid)) return false;
      kept.set(guid, { event, fields });
      return true;
    },
  };
}

const comment = (text: string) =>
  JSON.stringify({
    action: "created",
    installation: { id: 7 },
    repository: { id: 1, full_name: "acme/app", private: true, default_branch: "main" },
    sender: { id: 2, login: "mara", type: "User" },
    issue: { number: 3, title: text },
    comment: { id: 4, body: text },
  });

test("what is kept of a delivery is its envelope, not what people wrote", async () => {
  const { kept, record } = store();
  const leaked = randomBytes(16).toString("hex");
  const answer = await ingest(delivery(comment(`my key is ${leaked}`)), { secrets: [secret], record });
  expect(answer.status).toBe(202);
  expect(JSON.stringify([...kept])).not.toContain(leaked);
  expect([...kept.values()][0]?.fields).toEqual({
    action: "created",
    installation: { id: 7 },
    repository: { id: 1, full_name: "acme/app", private: true, default_branch: "main" },
    sender: { id: 2, login: "mara", type: "User" },
    issue: { number: 3 },
    comment: { id: 4 },
  });
});

test("a delivery that comes twice is kept once, and both are accepted", async () => {
  const { kept, record } = store();
  const guid = randomUUID();
  for (let copy = 0; copy < 2; copy++)
    expect((await ingest(delivery(comment("x"), { guid }), { secrets: [secret], record })).status).toBe(202);
  expect(kept.size).toBe(1);
});

test("the secret before the current one still verifies while it is rotated out", async () => {
  expect((await ingest(delivery(comment("x"), { secret: older }), { secrets: [secret, older], record: store().record })).status).toBe(202);
  expect((await ingest(delivery(comment("x"), { secret: older }), { secrets: [secret], record: store().record })).status).toBe(401);
});

test.each([
  ["signed with Probot's default secret", { secret: "development" }, 401],
  ["without a signature", { signature: "" }, 401],
  ["with a signature of another body", { signature: `sha256=${createHmac("sha256", secret).update("other").digest("hex")}` }, 401],
  ["with a guid that is none", { guid: "../../etc" }, 400],
  ["with an event that is none", { event: "<script>" }, 400],
])("a delivery %s is refused, and nothing is kept", async (_name, options, status) => {
  const { kept, record } = store();
  const answer = await ingest(delivery(comment("<b>hello</b>"), options), { secrets: [secret], record });
  expect(answer.status).toBe(status);
  expect(await answer.text()).not.toContain("hello");
  expect(kept.size).toBe(0);
});

test("a signed body that is not GitHub's payload is refused", async () => {
  for (const body of ["not json", '{"repository":{"id":"1; drop table"}}']) {
    expect((await ingest(delivery(body), { secrets: [secret], record: store().record })).status).toBe(400);
  }
});

test("a body over GitHub's cap is refused before it is read whole", async () => {
  const huge = new ReadableStream({
    pull(controller) {
      controller.enqueue(new Uint8Array(1 << 20));
    },
  });
  const request = new Request("http://127.0.0.1/", { method: "POST", body: huge, duplex: "half" } as RequestInit);
  expect((await ingest(request, { secrets: [secret], record: store().record })).status).toBe(413);
});

test.each([[[]], [[""]], [["development"]], [[secret, "short"]]])("Rekey does not start with the webhook secrets of case %#", (secrets) => {
  expect(() => checkSecrets(secrets)).toThrow(/expected a webhook secret of at least 32 characters/);
});

test("of an edited comment only boxes that were ticked just now are kept", async () => {
  const { kept, record } = store();
  const hash = "0123456789ab";
  const box = (mark: string, incident: string) => `- [${mark}] <!-- rekey:rotate ${incident} ${hash} --> Rotate now`;
  const body = JSON.stringify({
    ...JSON.parse(comment([box("x", "RK-AAAA"), box("x", "RK-BBBB"), box(" ", "RK-CCCC")].join("\n"))),
    action: "edited",
    changes: { body: { from: [box(" ", "RK-AAAA"), box("x", "RK-BBBB"), box(" ", "RK-CCCC")].join("\n") } },
  });
  await ingest(delivery(body), { secrets: [secret], record });
  expect([...kept.values()][0]?.fields.ticked).toEqual([{ incident: "RK-AAAA", plan: hash }]);
});
