import { IAMClient } from "@aws-sdk/client-iam";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { STSClient } from "@aws-sdk/client-sts";
import { HoldError, RetryError, UnknownOutcomeError } from "../errors.ts";
import { type HttpAnswer, type Pins, pinOf, request, retryAfter } from "../http.ts";
import type { Secret } from "../secret.ts";

/** An access key as `id:secret` or `id:secret:session-token`: the form in which rekey.yml's `credential` holds it. */
export interface AwsKey {
  readonly id: string;
  readonly secret: string;
  readonly sessionToken?: string;
}

export interface AwsConnection {
  /** A region (`eu-west-1`), or the endpoint of a stand-in (`http://127.0.0.1:5000`, region us-east-1). */
  readonly host: string;
  readonly key: AwsKey;
  /** Milliseconds per call. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
  readonly publicOnly?: boolean | undefined;
}

export function connectIam(connection: AwsConnection): IAMClient {
  return new IAMClient(configured(connection, "iam.amazonaws.com"));
}

export function connectSts(connection: AwsConnection): STSClient {
  return new STSClient(configured(connection, `sts.${connection.host}.amazonaws.com`));
}

export function connectSecretsManager(connection: AwsConnection): SecretsManagerClient {
  return new SecretsManagerClient(configured(connection, `secretsmanager.${connection.host}.amazonaws.com`));
}

/** Throws HoldError("bad-credential") with the expected form, never the value. */
export function awsKeyOf(credential: Secret | undefined): AwsKey {
  const [id = "", secret = "", ...token] = (credential?.reveal() ?? "").trim().split(":");
  if (!/^A[KS]IA[A-Z0-9]{12,28}$/.test(id) || secret === "") {
    throw new HoldError("bad-credential", "the credential of this AWS connection is not of the form access-key-id:secret-access-key");
  }
  return token.length === 0 ? { id, secret } : { id, secret, sessionToken: token.join(":") };
}

/** Services' own error names (`LimitExceededException`); undefined for anything that is not an answer of AWS. */
export function awsErrorName(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("$metadata" in error)) return undefined;
  if (error instanceof RetryError || error instanceof UnknownOutcomeError || error instanceof HoldError) return undefined;
  return error.name;
}

/**
 * What an AWS error means for a caller, for those that a driver does not know better: throttling → RetryError, refused
 * credentials → HoldError, server errors → UnknownOutcomeError after a write. Its message is ours: AWS repeats parameters.
 */
export function awsFailure(error: unknown, what: string, options: { safe: boolean }): Error {
  const name = awsErrorName(error);
  if (name === undefined) {
    if (error instanceof UnknownOutcomeError && options.safe) return new RetryError(error.message); // to http.ts every POST is a write
    if (error instanceof Error && /^(Retry|UnknownOutcome|Hold|Refused)Error$/.test(error.name)) return error;
    return options.safe
      ? new RetryError(`${what}: AWS gave no usable answer`)
      : new UnknownOutcomeError(`${what}: AWS gave no usable answer; look what it did before anything else`);
  }
  if (/^(Throttl|TooManyRequests|RequestLimitExceeded|SlowDown)/.test(name))
    return new RetryError(`${what}: AWS asks to slow down (${name})`);
  const status = statusOf(error);
  if (status >= 500) {
    return options.safe
      ? new RetryError(`${what}: AWS answered ${status} (${name})`)
      : new UnknownOutcomeError(`${what}: AWS answered ${status} (${name}); look what it did before anything else`);
  }
  if (/AccessDenied|InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClient|ExpiredToken|NotAuthorized/.test(name)) {
    return new HoldError("connection-refused", `${what}: AWS refused the credential of this connection (${name})`);
  }
  return new HoldError("unexpected-answer", `${what}: AWS answered ${name}`);
}

export function statusOf(error: unknown): number {
  if (!(error instanceof Error) || !("$metadata" in error)) return 0;
  const metadata = error.$metadata;
  return typeof metadata === "object" && metadata !== null && "httpStatusCode" in metadata && typeof metadata.httpStatusCode === "number"
    ? metadata.httpStatusCode
    : 0;
}

function configured(connection: AwsConnection, awsHost: string) {
  const standIn = /^https?:\/\//.test(connection.host);
  const pins = [standIn ? pinOf(connection.host) : awsHost];
  return {
    region: standIn ? "us-east-1" : connection.host,
    endpoint: standIn ? connection.host : `https://${awsHost}`, // said aloud, so that AWS_ENDPOINT_URL cannot change it
    credentials: {
      accessKeyId: connection.key.id,
      secretAccessKey: connection.key.secret,
      ...(connection.key.sessionToken === undefined ? {} : { sessionToken: connection.key.sessionToken }),
    },
    maxAttempts: 1, // a repeated CreateAccessKey is a second key: the engine decides what is asked again
    requestHandler: new PinnedHandler(pins, connection),
  };
}

/** The SDK's signed request, as the SDK hands it to a handler. */
interface SignedRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly method: string;
  readonly query?: Readonly<Record<string, string | string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

class PinnedHandler {
  readonly metadata = { handlerProtocol: "http/1.1" };
  readonly #pins: Pins;
  readonly #limits: Pick<AwsConnection, "timeout" | "signal" | "publicOnly">;

  constructor(pins: Pins, { timeout, signal, publicOnly }: AwsConnection) {
    this.#pins = pins;
    this.#limits = { timeout, signal, publicOnly };
  }

  async handle(signed: SignedRequest): Promise<{ response: { statusCode: number; headers: Record<string, string>; body: Buffer } }> {
    const { body } = signed;
    if (body !== undefined && body !== null && typeof body !== "string" && !(body instanceof Uint8Array)) {
      throw new TypeError("the AWS SDK handed over a streamed body, which Rekey never sends");
    }
    const answer: HttpAnswer = await request({
      method: signed.method,
      url: urlOf(signed),
      headers: Object.fromEntries(Object.entries(signed.headers).filter(([name]) => name.toLowerCase() !== "content-length")),
      ...(body === undefined || body === null ? {} : { body }),
      pins: this.#pins,
      timeout: this.#limits.timeout,
      maxBytes: 4 << 20,
      publicOnly: this.#limits.publicOnly,
      ...(this.#limits.signal === undefined ? {} : { signal: this.#limits.signal }),
    });
    if (answer.status === 429) throw new RetryError("AWS asks to slow down (429)", { afterMs: retryAfter(answer) });
    if (/^\s*<(!doctype html|html)\b/i.test(answer.body.subarray(0, 200).toString("latin1")))
      throw new HoldError("unexpected-answer", "something between Rekey and AWS answered with a page; AWS itself was not reached");
    return { response: { statusCode: answer.status, headers: { ...answer.headers }, body: answer.body } };
  }

  updateHttpClientConfig(): void {}

  httpHandlerConfigs(): object {
    return {};
  }
}

function urlOf({ protocol, hostname, port, path, query }: SignedRequest): string {
  const pairs = Object.entries(query ?? {}).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => `${encodeURIComponent(name)}=${encodeURIComponent(one ?? "")}`),
  );
  return `${protocol}//${hostname}${port === undefined ? "" : `:${port}`}${path}${pairs.length === 0 ? "" : `?${pairs.join("&")}`}`;
}
