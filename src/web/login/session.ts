import { createHmac, timingSafeEqual } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { type Role, setViewer, type Viewer } from "../viewer.ts";
import type { Person } from "./person.ts";

const hour = 3_600_000;
const minute = 60_000;
/** github-app.md §5.2. */
const limits = { idle: 8 * hour, longest: 24 * hour } as const;
/** How old the answer of who vouches for a person may be. */
const checkedFor = 10 * minute;
/** How long a login counts as fresh: rotating and accepting need one. */
export const freshFor = 5 * minute;

/** Where sessions are kept; the id stands in the browser only. */
export interface SessionStore {
  begin(person: { name: string; role: string; repositories: "all" | readonly string[]; provider: string }): Promise<string>;
  visit(
    id: string,
    limits: { idle: number; longest: number },
  ): Promise<
    | {
        name: string;
        role: string;
        repositories: "all" | readonly string[];
        provider: string;
        freshAt: Date;
        checkedAt: Date;
        createdAt: Date;
      }
    | undefined
  >;
  checked(id: string, person: { name: string; role: string; repositories: "all" | readonly string[] }): Promise<void>;
  end(id: string): Promise<void>;
}

export interface Session {
  readonly id: string;
  readonly viewer: Viewer;
  readonly provider: string;
  readonly fresh: boolean;
}

/** Sessions in a cookie that no script can read, no other site can send along with a form, and no other host can set. */
export class Sessions {
  /** How to ask again, by session id; gone with the process, and then a login is asked for. */
  private readonly again = new Map<string, NonNullable<Person["again"]>>();
  private readonly cookie: string;
  private readonly store: SessionStore;
  private readonly url: URL;
  private readonly now: () => number;

  /** `url` is where people reach this server: `https://rekey.example`, plain http only for loopback. */
  constructor(store: SessionStore, url: URL, now: () => number = Date.now) {
    this.store = store;
    this.url = url;
    this.now = now;
    this.cookie = this.secure ? "__Host-rekey" : "rekey";
  }

  get secure(): boolean {
    return this.url.protocol === "https:";
  }

  async begin(context: Context, person: Person, provider: string): Promise<void> {
    await this.end(context); // a session that was there before the login is not carried on
    const id = await this.store.begin({ ...said(person), provider });
    if (person.again !== undefined) this.again.set(id, person.again);
    setCookie(context, this.cookie, id, { httpOnly: true, sameSite: "Lax", path: "/", secure: this.secure, maxAge: limits.longest / 1000 });
  }

  async end(context: Context): Promise<void> {
    const id = getCookie(context, this.cookie);
    if (id === undefined) return;
    this.again.delete(id);
    await this.store.end(id);
    deleteCookie(context, this.cookie, { path: "/", secure: this.secure });
  }

  /** Who has this browser; undefined where nobody, or where it must be asked anew. */
  async of(context: Context): Promise<Session | undefined> {
    const id = getCookie(context, this.cookie);
    const kept = id === undefined ? undefined : await this.store.visit(id, limits);
    if (id === undefined || kept === undefined) return undefined;
    const fresh = this.now() - kept.freshAt.getTime() < freshFor;
    const repositories = kept.repositories === "all" ? ("all" as const) : new Set(kept.repositories);
    const session = { id, viewer: { name: kept.name, role: kept.role as Role, repositories }, provider: kept.provider, fresh };
    if (this.now() - kept.checkedAt.getTime() < checkedFor || kept.provider === "oidc") return session;
    const person = await this.again.get(id)?.();
    if (person === undefined || person.name !== kept.name) {
      await this.store.end(id);
      this.again.delete(id);
      return undefined;
    }
    await this.store.checked(id, said(person));
    return { ...session, viewer: { name: person.name, role: person.role, repositories: person.repositories } };
  }

  /** Stands in every form; belongs to the session and says nothing of its id. */
  formToken({ id }: Session): string {
    return createHmac("sha256", id).update("form").digest("base64url");
  }

  /** A change is taken only from a page of ours, in the session that the form was made for. */
  async isOurs(context: Context, session: Session): Promise<boolean> {
    const site = context.req.header("sec-fetch-site");
    if (site !== undefined && site !== "same-origin") return false;
    if (context.req.header("origin") !== this.url.origin) return false;
    const form = await context.req.parseBody();
    const [given, wanted] = [Buffer.from(String(form["form"] ?? "")), Buffer.from(this.formToken(session))];
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  }

  /** Lets nobody through of whom it is not known who they are. */
  guard(otherwise: (context: Context) => Response | Promise<Response>): MiddlewareHandler {
    return async (context, next) => {
      const session = await this.of(context);
      if (session === undefined) return otherwise(context);
      setViewer(context, session.viewer);
      context.set("session", session);
      await next();
    };
  }
}

/** The session of this request; undefined for a program, and where there is no login. */
export function sessionOf(context: Context): Session | undefined {
  return context.get("session") as Session | undefined;
}

function said({ name, role, repositories }: Viewer) {
  return { name, role, repositories: repositories === "all" ? ("all" as const) : [...repositories] };
}
