import { createPrivateKey, sign } from "node:crypto";
import { z } from "zod";
import type { DriverContext } from "../driver.ts";
import { HoldError } from "../errors.ts";
import { accept, type HttpAnswer, isLoopback, shaped } from "../http.ts";
import { Secret } from "../secret.ts";
import { askForToken } from "./oauth.ts";

/** A key of a Google service account, as its JSON file holds it. */
export interface GoogleKey {
  readonly email: string;
  /** PEM. */
  readonly privateKey: string;
  /** Google finds the public half by it; without it all of the account's are tried. */
  readonly keyId?: string | undefined;
  readonly project?: string | undefined;
}

const KeyFile = z.object({
  client_email: z.string().min(3),
  private_key: z.string().min(1),
  private_key_id: z.string().optional(),
  project_id: z.string().optional(),
});

/** The JSON file of a service account's key; undefined for anything else. */
export function keyFileOf(text: string): GoogleKey | undefined {
  try {
    const { client_email, private_key, private_key_id, project_id } = KeyFile.parse(JSON.parse(text));
    return { email: client_email, privateKey: private_key, keyId: private_key_id, project: project_id };
  } catch {
    return undefined;
  }
}

/** The key of a connection. Throws HoldError("bad-credential"), never with the value. */
export function googleKeyOf(credential: Secret | undefined): GoogleKey {
  const key = keyFileOf((credential?.reveal() ?? "").trim());
  if (key !== undefined) return key;
  throw new HoldError("bad-credential", "the credential of this Google connection is not the JSON file of a service account's key");
}

/** The base URL of one of Google's services: `iam.googleapis.com`. A stand-in on loopback is all of them. */
export function googleService({ host }: Pick<DriverContext, "host">, name: string): string {
  return isLoopback(new URL(host).hostname) ? host.replace(/\/$/, "") : `https://${name}`;
}

const Token = z.object({ access_token: z.string().min(1) });

/** An access token of the connection, for an hour. Throws HoldError("connection-refused"). */
export async function googleToken(context: DriverContext): Promise<Secret> {
  const what = "logging in to Google";
  const answer = await googleLogIn(context, googleKeyOf(context.credential));
  if (answer.status === 400) throw new HoldError("connection-refused", `${what}: Google refused the key of this connection`);
  return Secret.from(shaped(Token, accept(answer, [200], what, true), what).access_token);
}

/** Signs an assertion with the key and asks for a token (https://developers.google.com/identity/protocols/oauth2/service-account). */
export function googleLogIn(context: DriverContext, key: GoogleKey): Promise<HttpAnswer> {
  const host = googleService(context, "oauth2.googleapis.com");
  return askForToken(context, host, "/token", {
    grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
    assertion: assertionOf(key, Date.now()),
  });
}

/** RS256, valid for five minutes. */
function assertionOf({ email, privateKey, keyId }: GoogleKey, now: number): string {
  const seconds = Math.floor(now / 1000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const header = { alg: "RS256", typ: "JWT", ...(keyId === undefined ? {} : { kid: keyId }) };
  const claims = { iss: email, aud: "https://oauth2.googleapis.com/token", scope: "https://www.googleapis.com/auth/cloud-platform" };
  const signed = `${part(header)}.${part({ ...claims, iat: seconds, exp: seconds + 300 })}`;
  try {
    return `${signed}.${sign("sha256", Buffer.from(signed), createPrivateKey(privateKey)).toString("base64url")}`;
  } catch {
    throw new HoldError("bad-credential", "the private key of this Google service account cannot be read; expected PEM as Google gave it");
  }
}
