import { createHash } from "node:crypto";
import type { Secret } from "../../secret.ts";
import type { IdentityProvider, Person } from "./person.ts";

/** What GitHub's own client does (src/github/user-login.ts). */
export interface GitHubUsers {
  url(flow: { state: string; challenge: string; callback: string; fresh: boolean }): string;
  token(answer: { code: string; verifier: string; callback: string }): Promise<Secret>;
  person(token: Secret): Promise<{ login: string; repositories: readonly string[]; writes: boolean; owner: boolean } | undefined>;
  /** Whether this account is of the security team. */
  leads(login: string): Promise<boolean>;
}

/** Login through the App itself. The person's token stays in memory, as long as this server runs, to ask again what they may see. */
export function githubLogin(users: GitHubUsers): IdentityProvider {
  const personOf = async (token: Secret): Promise<Person | undefined> => {
    const person = await users.person(token);
    if (person === undefined) return undefined;
    const { login, repositories, writes, owner } = person;
    const role = owner ? "admin" : (await users.leads(login)) ? "lead" : writes ? "responder" : "viewer";
    return { name: login, role, repositories: new Set(repositories), again: () => personOf(token) };
  };
  return {
    name: "github",
    label: "GitHub",
    async start({ state, verifier }, { callback, fresh }) {
      return users.url({ state, challenge: createHash("sha256").update(verifier).digest("base64url"), callback, fresh });
    },
    async finish(returned, { verifier }, { callback }) {
      const code = returned.searchParams.get("code");
      return code === null ? undefined : personOf(await users.token({ code, verifier, callback }));
    },
  };
}
