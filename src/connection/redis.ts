import { createClient, ErrorReply } from "@redis/client";
import { HoldError, RetryError, UnknownOutcomeError } from "../errors.ts";
import type { Address } from "./address.ts";

export const redisPort = 6379;

export interface RedisLogin {
  readonly address: Address;
  readonly user: string;
  readonly password: string;
  /** Milliseconds to connect and for each command. */
  readonly timeout: number;
}

/** One command; `safe` = it may be sent again. Throws without the server's text, which repeats what it was given. */
export type RedisCommand = (words: readonly string[], options: { safe: boolean }) => Promise<unknown>;

export async function withRedis<T>(login: RedisLogin, work: (command: RedisCommand) => Promise<T>): Promise<T> {
  const client = clientOf(login);
  try {
    await client.connect();
  } catch (error) {
    client.destroy();
    const code = replyCode(error);
    if (code === "WRONGPASS" || code === "NOPERM" || code === "NOAUTH")
      throw new HoldError("connection-refused", `Redis refused the credential of this connection (${code})`);
    throw new RetryError(`Redis did not let this connection in (${code ?? "no answer"}); nothing was changed`);
  }
  try {
    return await work(async (words, { safe }) => {
      try {
        return await client.sendCommand([...words]);
      } catch (error) {
        throw commandFailure(error, safe);
      }
    });
  } finally {
    client.destroy();
  }
}

/** `ok`, the first word of the server's refusal (`WRONGPASS`), or undefined where no Redis answered. */
export async function tryRedis(login: RedisLogin): Promise<string | undefined> {
  const client = clientOf(login);
  try {
    await client.connect();
    return "ok";
  } catch (error) {
    return replyCode(error);
  } finally {
    client.destroy();
  }
}

/** Redis refused a command for a reason that only its caller can judge. */
export class RedisRefusal extends HoldError {
  readonly reply: string;

  constructor(reply: string) {
    super("unexpected-answer", `Redis refused a command (${reply}); nothing was changed`);
    this.reply = reply;
  }
}

function commandFailure(error: unknown, safe: boolean): Error {
  const code = replyCode(error);
  if (code === undefined) {
    return safe
      ? new RetryError("Redis gave no answer")
      : new UnknownOutcomeError("Redis gave no answer to a write; look what it did before anything else");
  }
  if (code === "NOPERM")
    return new HoldError(
      "connection-refused",
      "Redis says that this connection may not do this (NOPERM); it needs +acl, +client and +config|rewrite",
    );
  if (/^(LOADING|BUSY|MASTERDOWN|READONLY|CLUSTERDOWN|TRYAGAIN)$/.test(code))
    return new RetryError(`Redis is not ready (${code}); nothing was changed`);
  return new RedisRefusal(code);
}

function replyCode(error: unknown): string | undefined {
  return error instanceof ErrorReply ? (/^[A-Z]{2,20}/.exec(error.message)?.[0] ?? "ERR") : undefined;
}

function clientOf({ address: { host, port, tls }, user, password, timeout }: RedisLogin) {
  const socket = { host, port, connectTimeout: timeout, socketTimeout: timeout, reconnectStrategy: false as const };
  const client = createClient({
    username: user,
    password,
    disableClientInfo: true,
    commandOptions: { timeout },
    socket:
      tls === false
        ? socket
        : { ...socket, tls: true, servername: host, rejectUnauthorized: true, ...(tls.ca === undefined ? {} : { ca: tls.ca }) },
  });
  client.on("error", () => undefined); // the next command says so
  return client;
}
