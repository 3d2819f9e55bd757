import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type { Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { describeError, type Log } from "../../log.ts";
import { countPerMinute } from "../rate.ts";
import type { RuntimeGate, RuntimeSource } from "./gate.ts";
import { isSigned } from "./signature.ts";

/** Bytes of a body, packed and unpacked. */
export const limits = { body: 4 << 20, unpacked: 16 << 20 } as const;

const unzip = promisify(gunzip);

/** How an answer looks differs with the protocol; what is refused does not. */
export type Refuse = (context: Context, status: 400 | 401 | 413 | 415 | 422 | 429 | 503, sentence: string) => Response | Promise<Response>;

export const refuseAsJson: Refuse = (context, status, error) => context.json({ error }, status);

/** 413 for a body that is too large, before it is read whole. */
export function small(refuse: Refuse) {
  return bodyLimit({
    maxSize: limits.body,
    onError: (context) => refuse(context, 413, `expected at most ${limits.body} bytes`) as Response,
  });
}

/** Who sent this, and how often: nothing of a call is looked at before. */
export class Door {
  readonly #gate: RuntimeGate;
  readonly #log: Log;
  readonly #count = countPerMinute();

  constructor(gate: RuntimeGate, log: Log) {
    this.#gate = gate;
    this.#log = log;
  }

  /** `answer` hears of the source and gives what it is to be told; a failure is a 503, after which it is sent again. */
  async open(
    context: Context,
    refuse: Refuse,
    answer: (source: RuntimeSource, body: Uint8Array) => Promise<Response>,
    { signedAs }: { signedAs?: string } = {},
  ): Promise<Response> {
    const body = async () => new Uint8Array(await context.req.arrayBuffer());
    const given = await this.#sourceOf(context, signedAs, body);
    if (given === undefined) {
      context.header("www-authenticate", "Bearer");
      return refuse(context, 401, "this is not the token or the signature of a source");
    }
    const { source } = given;
    const wait = this.#count(source.name, source.requestsPerMinute);
    if (wait !== undefined) {
      context.header("retry-after", String(wait));
      return refuse(context, 429, `more than ${source.requestsPerMinute} calls in a minute; wait and try again`);
    }
    try {
      return await answer(source, given.body ?? (await body()));
    } catch (error) {
      this.#log.error({ error: describeError(error), source: source.name }, "what an agent did could not be looked at");
      return refuse(context, 503, "it could not be looked at; send it again");
    }
  }

  /** By its token; a webhook also by its signature, for which the body has to be read. */
  async #sourceOf(
    context: Context,
    signedAs: string | undefined,
    read: () => Promise<Uint8Array>,
  ): Promise<{ source: RuntimeSource; body?: Uint8Array } | undefined> {
    const token = /^Bearer (\S+)$/.exec(context.req.header("authorization") ?? "")?.[1];
    if (token !== undefined) {
      const source = this.#gate.verify(token);
      return source === undefined || (signedAs !== undefined && source.name !== signedAs) ? undefined : { source };
    }
    const known = signedAs === undefined ? undefined : this.#gate.signed(signedAs);
    if (known === undefined || context.req.header("webhook-signature") === undefined) return undefined;
    const body = await read();
    const headers = {
      id: context.req.header("webhook-id"),
      timestamp: context.req.header("webhook-timestamp"),
      signature: context.req.header("webhook-signature"),
    };
    return isSigned(headers, body, known.secret, Date.now()) ? { source: known.source, body } : undefined;
  }
}

/** The unpacked body; undefined where it is no gzip or larger than it may be. */
export async function unpacked(context: Context, body: Uint8Array): Promise<Uint8Array | undefined> {
  if (context.req.header("content-encoding") !== "gzip") return body;
  try {
    return await unzip(body, { maxOutputLength: limits.unpacked });
  } catch {
    return undefined;
  }
}

/** Undefined where it is no JSON. */
export function parsedJson(body: Uint8Array | undefined): unknown {
  if (body === undefined) return undefined;
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8"));
  } catch {
    return undefined;
  }
}
