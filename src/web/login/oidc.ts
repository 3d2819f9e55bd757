import * as client from "openid-client";
import { isLoopback, pinnedFetch, pinOf } from "../../http.ts";
import type { Secret } from "../../secret.ts";
import type { Role } from "../viewer.ts";
import type { IdentityProvider, Person } from "./person.ts";

export interface OidcConfig {
  /** On the button. */
  readonly label: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: Secret;
  /** The claim that says who may come in, such as `groups` or `email`. */
  readonly claim: string;
  /** Values of it that may read, and those that lead. */
  readonly read: readonly string[];
  readonly lead: readonly string[];
}

/**
 * People without a seat on GitHub: authorization code with PKCE and nonce against an OpenID provider. They see every incident and, without
 * an account there, command nothing. Nobody comes in whom the claim does not name.
 */
export function oidcLogin(config: OidcConfig): IdentityProvider {
  const issuer = new URL(config.issuer);
  const scope = ["openid", "profile", "email", ...(config.claim === "groups" ? ["groups"] : [])].join(" ");
  let known: client.Configuration | undefined;
  const configuration = async () => {
    if (known !== undefined) return known;
    const found = await client.discovery(issuer, config.clientId, undefined, client.ClientSecretPost(config.clientSecret.reveal()), {
      [client.customFetch]: fetchFrom([issuer.href]),
      ...(isLoopback(issuer.hostname) ? { execute: [client.allowInsecureRequests] } : {}),
    });
    const { token_endpoint, jwks_uri, userinfo_endpoint } = found.serverMetadata();
    found[client.customFetch] = fetchFrom([issuer.href, token_endpoint, jwks_uri, userinfo_endpoint]);
    known = found;
    return found;
  };
  return {
    name: "oidc",
    label: config.label,
    async start({ state, verifier }, { callback, fresh }) {
      const url = client.buildAuthorizationUrl(await configuration(), {
        redirect_uri: callback,
        scope,
        state,
        nonce: nonceOf(state),
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: "S256",
        ...(fresh ? { prompt: "login", max_age: "0" } : {}),
      });
      return url.href;
    },
    async finish(returned, { state, verifier }, { callback, fresh }) {
      // the address as the provider knows it, whatever stands in front of this server
      const current = new URL(callback);
      current.search = returned.search;
      const tokens = await client.authorizationCodeGrant(await configuration(), current, {
        expectedState: state,
        expectedNonce: nonceOf(state),
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
        ...(fresh ? { maxAge: 60 } : {}),
      });
      return personOf(tokens.claims(), config);
    },
  };
}

/** The issuer is the operator's word; the other hosts are the issuer's. */
function fetchFrom(urls: readonly (string | undefined)[]): client.CustomFetch {
  const fetch = pinnedFetch(urls.flatMap((url) => (url === undefined ? [] : [pinOf(url)])));
  return (url, { body, method, headers }) =>
    fetch(url, { method, headers, ...(body === undefined || body === null ? {} : { body: String(body) }) });
}

function personOf(claims: client.IDToken | undefined, { claim, read, lead }: OidcConfig): Person | undefined {
  const said = claims?.[claim];
  const values = (Array.isArray(said) ? said : [said]).filter((value) => typeof value === "string");
  // an address counts only if the provider has verified it
  if (claims === undefined || (claim === "email" && claims["email_verified"] !== true)) return undefined;
  const role: Role | undefined = values.some((value) => lead.includes(value))
    ? "lead"
    : values.some((value) => read.includes(value))
      ? "viewer"
      : undefined;
  if (role === undefined) return undefined;
  const name = claims["email"] ?? claims["preferred_username"] ?? claims.sub;
  return { name: String(name).slice(0, 200), role, repositories: "all" };
}

/** One random value serves both: the state is secret to the browser and the provider as well. */
function nonceOf(state: string): string {
  return `n-${state}`;
}
