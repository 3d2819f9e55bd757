import { expect, test } from "vitest";
import { differences } from "./conformance.ts";

const check = (request: object) =>
  differences({ kind: "request", method: "PATCH", path: "/repos/acme/app/check-runs/7", request, status: 200, answer: { id: 7 } });

test("a request that GitHub would refuse is told", () => {
  expect(check({ status: "completed", conclusion: "success" })).toEqual([]);
  expect(check({ status: "done" }).join()).toContain("/status must be equal to one of the allowed values");
  expect(check({ actions: Array.from({ length: 4 }, () => ({ label: "x", description: "x", identifier: "x" })) }).join()).toContain(
    "/actions must NOT have more than 3 items",
  );
});

test("an operation, an answer, a field or a type that GitHub does not have is told", () => {
  const asked = (path: string, status: number, answer: unknown) => differences({ kind: "request", method: "GET", path, status, answer });
  expect(asked("/repos/acme/app", 200, { id: 1, name: "app", parent: undefined })).toEqual([]);
  expect(asked("/repos/acme/app/secrets", 200, {})).toEqual(["GET /repos/acme/app/secrets: GitHub has no such operation"]);
  expect(asked("/repos/acme/app", 204, undefined)).toEqual(["GET /repos/{owner}/{repo}: GitHub has no answer 204"]);
  expect(asked("/repos/acme/app", 200, { id: "1" }).join()).toContain("/id must be integer");
  expect(asked("/repos/acme/app", 200, { colour: "red" }).join()).toContain('{"additionalProperty":"colour"}');
});

test("a webhook that GitHub does not send is told", () => {
  const sent = (event: string, payload: object) => differences({ kind: "webhook", event, payload: { ...payload } });
  expect(sent("push", { ref: "refs/heads/main", forced: false })).toEqual([]);
  expect(sent("push", { forced: "no" })).toEqual(['webhook push: /forced must be boolean {"type":"boolean"}']);
  expect(sent("shove", {})).toEqual(["webhook shove: GitHub has no such event"]);
});
