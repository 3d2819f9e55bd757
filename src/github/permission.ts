import { z } from "zod";
import { call, type RepositoryClient } from "./client.ts";

export type Role = "none" | "read" | "triage" | "write" | "maintain" | "admin";
const order: readonly Role[] = ["none", "read", "triage", "write", "maintain", "admin"];
const Answer = z.object({ role_name: z.string() });

/** The role of an account in a repository, asked now (never `author_association`). What cannot be read is `none`. */
export async function roleOf(repository: RepositoryClient, login: string): Promise<Role> {
  const answer = Answer.safeParse(
    await call(repository, "GET /repos/{owner}/{repo}/collaborators/{username}/permission", { username: login }),
  );
  const role = answer.success ? order.find((known) => known === answer.data.role_name) : undefined;
  // a custom role has its own name and is not understood: refused rather than guessed
  return role ?? "none";
}

export function atLeast(role: Role, minimum: Role): boolean {
  return order.indexOf(role) >= order.indexOf(minimum);
}
