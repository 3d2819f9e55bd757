import { randomBytes } from "node:crypto";
import type { Driver, KeyRecord } from "../../src/driver.ts";
import { UnknownOutcomeError } from "../../src/errors.ts";
import type { Playbook } from "../../src/playbook/schema.ts";
import { Secret } from "../../src/secret.ts";

/** A database with two alternating users, as a set-value driver sees it. */
export interface UserDatabase {
  readonly driver: Driver;
  readonly users: Map<string, { password: string | undefined; login: boolean }>;
  accepts(user: string, password: string): boolean;
  /** The next setting of a password is done and its answer lost. */
  loseAnswer(): void;
}

export function userDatabase(user: string, password: string): UserDatabase {
  const users = new Map([[user, { password: password as string | undefined, login: true }]]);
  let lose = false;
  const recordOf = (name: string): KeyRecord => ({
    id: name,
    name,
    state: users.get(name)?.login === true ? "active" : "disabled",
    attributes: { user: name },
  });
  const driver: Driver = {
    manifest: {
      type: "users/password",
      name: "database password",
      detectors: ["postgresql-url"],
      class: "set-value",
      verbs: {
        list: { effect: "read", retry: "safe" },
        issue: { effect: "create", retry: "safe" },
        revoke: { effect: "destroy", retry: "safe" },
        probe: { effect: "read", retry: "safe" },
      },
      reversible: { disable: false, revoke: false },
      overlap: 2,
      propagation: { create: 1, revoke: 2 },
      valueChosenByUs: true,
      companions: ["username"],
      killByPossession: false,
      hosts: [],
      proof: "probe",
      invalidMeansDead: true,
      pages: { revoke: "https://example.test/users" },
      testedAgainst: "contract stand-in",
    },
    list: async () => [...users.keys()].map(recordOf),
    prepare: async (_context, { like }) => ({
      secret: Secret.from(randomBytes(12).toString("base64url")),
      companions: { username: like.id.endsWith("_b") ? like.id.slice(0, -2) : `${like.id}_b` },
    }),
    async issue(_context, { prepared }) {
      if (prepared === undefined) throw new Error("expected a prepared value");
      const name = prepared.companions["username"] ?? "";
      users.set(name, { password: prepared.secret.reveal(), login: true });
      if (lose) {
        lose = false;
        throw new UnknownOutcomeError("the answer is lost");
      }
      return { record: recordOf(name), ...prepared };
    },
    async discard(_context, { companions }) {
      const name = companions?.["username"];
      return name !== undefined && users.delete(name) ? 1 : 0;
    },
    async revoke(_context, record) {
      users.set(record.id, { password: undefined, login: false });
    },
    async probe(_context, { attributes, secret }) {
      const found = users.get(attributes["username"] ?? attributes["user"] ?? "");
      return found?.login === true && found.password === secret.reveal()
        ? { answer: "alive", code: "ok" }
        : { answer: "invalid", code: "28P01" };
    },
  };
  return {
    driver,
    users,
    accepts: (name, given) => users.get(name)?.login === true && users.get(name)?.password === given,
    loseAnswer: () => {
      lose = true;
    },
  };
}

const step = (id: string, uses: string) => ({ id, uses, title: id, with: {} });

export const usersPlaybook: Playbook = {
  name: "users-password",
  version: 1,
  match: { credential: ["postgresql-url"] },
  policy: { modes: ["graceful"] },
  inputs: {},
  steps: [
    step("recover", "credential/recover@1"),
    step("mint", "users/issue@1"),
    step("try-new", "users/probe@1"),
    step("promote", "sinks/promote@1"),
    step("consumers", "consumers/converged@1"),
    step("revoke", "users/revoke@1"),
    step("dead", "proof/dead@1"),
  ],
};
