import type { Context } from "hono";
import type { ListedIncident } from "../incident/fold.ts";
import type { HeldBack, Readers } from "./readers.ts";

/** What a person may do here, rising: read, command (write on a repository), see everything and decide, and administer. */
export const roles = ["viewer", "responder", "lead", "admin"] as const;
export type Role = (typeof roles)[number];

/** Who looks. Every list and page is cut to what this person may see on GitHub (contracts.md §9). */
export interface Viewer {
  /** GitHub login, or what a token is called. */
  readonly name: string;
  readonly role: Role;
  /** Full names of the repositories that this person may read; `all` for who holds the server's own token. */
  readonly repositories: "all" | ReadonlySet<string>;
}

/** Behind an access token, the unix socket or on loopback without a login: sees everything, and changes nothing from here. */
export const everything: Viewer = { name: "operator", role: "lead", repositories: "all" };

const key = "viewer";

export function setViewer(context: Context, viewer: Viewer): void {
  context.set(key, viewer);
}

/** Throws where no guard has said who looks: a route without one shows nothing. */
export function viewerOf(context: Context): Viewer {
  const viewer = context.get(key) as Viewer | undefined;
  if (viewer === undefined) throw new Error("a page was asked for before it was known who asks");
  return viewer;
}

/** An incident without a repository (a prompt, a runtime event) is for those who see everything. */
export function sees({ repositories, role }: Viewer, incident: Pick<ListedIncident, "repositories">): boolean {
  if (repositories === "all") return true;
  if (incident.repositories.length === 0) return role === "lead" || role === "admin";
  return incident.repositories.some((name) => repositories.has(name));
}

/** What was left out of the queue, for who sees all of it. */
export async function heldBackFor(readers: Readers, viewer: Viewer): Promise<readonly HeldBack[]> {
  return sees(viewer, { repositories: [] }) ? readers.heldBack() : [];
}
