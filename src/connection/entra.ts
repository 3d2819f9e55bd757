import { z } from "zod";
import type { DriverContext } from "../driver.ts";
import { HoldError } from "../errors.ts";
import { accept, type HttpAnswer, isLoopback, shaped } from "../http.ts";
import { Secret } from "../secret.ts";
import { askForToken } from "./oauth.ts";

/** A service principal of Microsoft Entra: how a connection's `tenant:client-id:client-secret` reads. */
export interface EntraClient {
  readonly tenant: string;
  readonly client: string;
  readonly secret: string;
}

/** Throws HoldError("bad-credential"), never with the value. */
export function entraClientOf(credential: Secret | undefined): EntraClient {
  const [, tenant, client, secret] = /^([\w.-]+):([\w-]+):(\S+)$/.exec((credential?.reveal() ?? "").trim()) ?? [];
  if (tenant === undefined || client === undefined || secret === undefined)
    throw new HoldError("bad-credential", "the credential of this Azure connection is not of the form tenant:client-id:client-secret");
  return { tenant, client, secret };
}

const Token = z.object({ access_token: z.string().min(1) });

/** An access token for `scope`, such as `https://graph.microsoft.com/.default`. Throws HoldError("connection-refused"). */
export async function entraToken(context: DriverContext, scope: string): Promise<Secret> {
  const what = "logging in to Azure";
  const answer = await entraLogIn(context, entraClientOf(context.credential), scope);
  if (answer.status === 400) throw new HoldError("connection-refused", `${what}: Entra refused the client of this connection`);
  return Secret.from(shaped(Token, accept(answer, [200], what, true), what).access_token);
}

/**
 * Asks for a token by client credentials, at Entra's one host
 * (https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow).
 */
export function entraLogIn(context: DriverContext, { tenant, client, secret }: EntraClient, scope: string): Promise<HttpAnswer> {
  const host = isLoopback(new URL(context.host).hostname) ? context.host : "https://login.microsoftonline.com";
  return askForToken(context, host, `/${tenant}/oauth2/v2.0/token`, {
    grant_type: "client_credentials",
    client_id: client,
    client_secret: secret,
    scope,
  });
}
