import { type Address, addressOf, loginOf, pinnedAddress } from "../connection/address.ts";
import type { DriverContext, EffectClass, Manifest, Target, VerbPromise } from "../driver.ts";
import { HoldError } from "../errors.ts";
import type { Secret } from "../secret.ts";

/** What a driver of a database's log-ins says of itself; the rest is the same for all. The value is ours to choose, and only its hash is sent. */
export function databaseManifest(
  own: Pick<Manifest, "type" | "name" | "detectors" | "overlap" | "propagation" | "pages" | "rights" | "rehearsal"> & {
    readonly companions?: readonly string[];
    /** An account can be locked, and unlocked again. */
    readonly locks: boolean;
  },
): Manifest {
  const { locks, ...rest } = own;
  const promise = (effect: EffectClass): VerbPromise => ({ effect, retry: "safe" });
  return {
    class: "set-value",
    verbs: {
      list: promise("read"),
      issue: promise("create"),
      ...(locks ? { disable: promise("mutate"), enable: promise("mutate") } : {}),
      revoke: promise("destroy"),
      probe: promise("read"),
      usage: promise("read"),
    },
    reversible: { disable: locks, revoke: false },
    valueChosenByUs: true,
    killByPossession: false,
    probeCall: "log-in",
    hosts: [],
    // what a server says to a wrong password it says for other reasons too
    proof: "both",
    invalidMeansDead: false,
    testedAgainst: "real server",
    ...rest,
  };
}

/** Who and where a leaked value would log in: `user` undefined where nobody is named, `at` for a host that is not pinned. */
export function leakedLogin(
  context: DriverContext,
  attributes: Target["attributes"],
  port: number,
): { user: string | undefined; at: Address | undefined } {
  const user = attributes["username"] ?? decoded(attributes["user"] ?? "");
  const rehearsal = attributes["host"] === undefined && attributes["rehearsal"] !== undefined;
  return { user: user === "" ? undefined : user, at: rehearsal ? addressOf(context.host, port) : pinnedAddress(context, attributes, port) };
}

/** Throws HoldError where the leaked value is for a server that this connection does not administer. */
export function onThisServer({ host }: DriverContext, at: Address, port: number): void {
  const own = addressOf(host, port);
  if (own.host === at.host && own.port === at.port) return;
  throw new HoldError(
    "not-this-server",
    `this connection administers ${own.host}:${own.port}, and the leaked password is for ${at.host}:${at.port}; name the connection of that server under targets in rekey.yml`,
  );
}

export function notOurselves(name: string, { credential }: DriverContext, what: string): void {
  if (loginOf(credential).user === name)
    throw new HoldError("own-credential", `'${name}' is the ${what} that Rekey itself works with; give this connection another one first`);
}

/** The name that would take over is somebody else's. */
export function inUse(name: string, what: string): HoldError {
  return new HoldError(
    "alternate-in-use",
    `the ${what} '${name}', which would take over, exists and is not Rekey's to set: somebody may use it. Nothing was changed; rename or remove it, then rotate again`,
  );
}

/** A password in a URL is percent-encoded, in a field it is not: both readings are tried. */
export function readings(secret: Secret): string[] {
  const text = secret.reveal();
  return [...new Set([decoded(text), text])];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
