import { randomBytes } from "node:crypto";

/** A stand-in for GitHub over real bare repositories: what it knows besides git. Ids are small integers in order of creation. */
export interface User {
  readonly id: number;
  readonly login: string;
  readonly type: "User" | "Bot";
  /** Personal token: password of git over HTTP and bearer of the API. */
  readonly token: string;
}

export type Role = "read" | "triage" | "write" | "maintain" | "admin";

export interface Repository {
  readonly id: number;
  readonly owner: string;
  name: string;
  private: boolean;
  readonly defaultBranch: string;
  /** The repository that this one was forked from. */
  readonly parent?: number;
  /** Path of the bare repository. */
  readonly path: string;
  readonly roles: Map<string, Role>;
  topics: string[];
  /** GitHub's own; false = switched off, or not licensed. */
  secretScanning?: boolean;
  properties: Record<string, string>;
}

export interface PullRequest {
  readonly id: number;
  readonly number: number;
  readonly repository: number;
  readonly title: string;
  readonly body?: string;
  readonly author: string;
  /** Branch of the head repository. */
  readonly head: string;
  /** Another one than `repository` for a pull request from a fork. */
  readonly headRepository: number;
  readonly draft: boolean;
  readonly base: string;
  headSha: string;
  baseSha: string;
  state: "open" | "closed";
  readonly createdAt: string;
  updatedAt: string;
}

export interface Comment {
  readonly id: number;
  readonly repository: number;
  readonly issue: number;
  readonly user: string;
  readonly byApp: boolean;
  body: string;
  readonly createdAt: string;
  updatedAt: string;
  readonly reactions: { content: string; user: string }[];
}

export interface Issue {
  readonly number: number;
  readonly repository: number;
  readonly title: string;
  body: string;
  readonly byApp: boolean;
  readonly createdAt: string;
}

export interface CheckRun {
  readonly id: number;
  readonly repository: number;
  readonly name: string;
  readonly headSha: string;
  externalId: string;
  status: string;
  conclusion: string | null;
  startedAt: string;
  completedAt: string | null;
  output: { title: string | null; summary: string | null; text: string | null };
  actions: readonly { label: string; description: string; identifier: string }[];
}

/** An alert of GitHub's own secret scanning. */
export interface SecretAlert {
  readonly number: number;
  readonly repository: number;
  readonly secret: string;
  readonly type: string;
  readonly title: string;
  readonly at?: { readonly path: string; readonly line: number; readonly commit: string; readonly blob: string };
  readonly validity: "active" | "inactive" | "unknown";
  publiclyLeaked: boolean;
  state: "open" | "resolved";
  resolution: string | null;
  resolvedBy: string | null;
  comment: string | null;
  readonly createdAt: string;
  updatedAt: string;
}

export interface Review {
  readonly id: number;
  readonly repository: number;
  readonly pull: number;
  readonly body: string;
  readonly comments: readonly { path: string; line: number; side: string; body: string }[];
}

export interface App {
  readonly id: number;
  readonly slug: string;
  readonly publicKey: string;
  readonly webhookUrl: string;
  webhookSecret: string;
  readonly installation: number;
  permissions: Readonly<Record<string, "read" | "write">>;
  readonly events?: readonly string[];
}

export interface Delivery {
  readonly id: number;
  readonly guid: string;
  readonly event: string;
  readonly action: string | null;
  readonly body: string;
  readonly deliveredAt: string;
  /** 0 until an attempt has ended. */
  statusCode: number;
  /** How long the last attempt took, in seconds. */
  duration?: number;
  redelivery?: boolean;
}

export class State {
  #last = 1000;
  app: App | undefined;
  readonly users = new Map<string, User>();
  readonly repositories = new Map<number, Repository>();
  readonly pulls: PullRequest[] = [];
  comments: Comment[] = [];
  readonly issues: Issue[] = [];
  readonly checks: CheckRun[] = [];
  readonly reviews: Review[] = [];
  readonly alerts: SecretAlert[] = [];
  readonly deliveries: Delivery[] = [];
  /** Installation tokens with their expiry, milliseconds. */
  readonly installationTokens = new Map<
    string,
    { expires: number; permissions: Readonly<Record<string, string>>; repositories?: readonly number[] }
  >();
  /** Every comment body as it was written, for the tests that search them. */
  readonly written: string[] = [];

  /** Requests of installation tokens in this hour, and when it ends (milliseconds). */
  spent = 0;
  hourEnds = Date.now() + 3_600_000;

  /** One request more; gives how many there were in this hour. */
  spend(token: string): number {
    if (Date.now() >= this.hourEnds) {
      this.spent = 0;
      this.hourEnds = Date.now() + 3_600_000;
    }
    if (this.installationTokens.has(token)) this.spent += 1;
    return this.spent;
  }

  id(): number {
    this.#last += 1;
    return this.#last;
  }

  /** Pull requests and issues of a repository share their numbers. */
  nextNumber(repository: number): number {
    return 1 + [...this.pulls, ...this.issues].filter((one) => one.repository === repository).length;
  }

  addUser(login: string, type: User["type"] = "User"): User {
    const user = { id: this.id(), login, type, token: `user-${randomBytes(16).toString("hex")}` };
    this.users.set(login, user);
    return user;
  }

  repository(owner: string, name: string): Repository | undefined {
    return [...this.repositories.values()].find((candidate) => candidate.owner === owner && candidate.name === name);
  }
}

/** GitHub's times have whole seconds. */
export function timestamp(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, "Z");
}
