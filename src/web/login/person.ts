import type { Viewer } from "../viewer.ts";

/** Who somebody is, as whoever vouches for them says now. */
export interface Person extends Viewer {
  /** Asks again who this is and what they may see; absent where that cannot be asked. Undefined = they may no longer come in. */
  readonly again?: () => Promise<Person | undefined>;
}

/** What a browser keeps between the start of a login and its end; bound to it by a cookie. */
export interface Flow {
  readonly state: string;
  /** PKCE (RFC 7636). */
  readonly verifier: string;
}

/** Somebody who vouches for people: GitHub, or an OpenID provider. */
export interface IdentityProvider {
  /** In the address: `/login/<name>`. */
  readonly name: string;
  /** On the button. */
  readonly label: string;
  /** Where the browser is sent. `fresh` asks for a login now, whatever session is there. */
  start(flow: Flow, options: { callback: string; fresh: boolean }): Promise<string>;
  /** What came back. Undefined where this person may not come in. Throws where the answer does not belong to the flow. */
  finish(returned: URL, flow: Flow, options: { callback: string; fresh: boolean }): Promise<Person | undefined>;
}
