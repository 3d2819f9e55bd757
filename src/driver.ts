import type { Secret } from "./secret.ts";

/**
 * What a provider (who issues and revokes credentials) and a sink (the secret manager that stores them) promise the engine.
 * A driver is an object literal in one file of src/provider or src/secret-manager; an optional verb is an optional ability.
 * A verb throws RetryError when nothing can have changed, UnknownOutcomeError when it was sent and the answer is missing,
 * HoldError when a person must decide. Anything it returns is free of secrets unless it is a `Secret`.
 */

/** rotation.md 3.1: it decides the order in which the engine may do things. */
export type RotationClass =
  | "m-disable" // many keys, create + reversible disable + delete
  | "m-delete" // many keys, create + delete only
  | "grace-roll"
  | "two-slot"
  | "hard-roll"
  | "set-value" // we choose the value
  | "kill-only" // revoke by API, mint by a person
  | "possession-kill" // whoever holds the value can kill it
  | "manual";

export type Verb = "list" | "issue" | "roll" | "disable" | "enable" | "revoke" | "probe" | "whoami" | "usage";
/** `destroy` acts on a credential that may be in use; removing what the run itself made is `mutate` (contracts.md §8). */
export type EffectClass = "read" | "create" | "mutate" | "destroy";
export type RetrySafety = "safe" | "verify-first" | "never";

export interface VerbPromise {
  readonly effect: EffectClass;
  readonly retry: RetrySafety;
}

export interface Manifest {
  /** `openrouter/api-key`: also the prefix in a playbook's `uses: openrouter/issue@1` is the part before the slash. */
  readonly type: string;
  readonly name: string;
  /** Connection type in rekey.yml; absent = the part of `type` before the slash. */
  readonly connection?: string;
  /** Detector ids that this driver serves. */
  readonly detectors: readonly string[];
  readonly class: RotationClass;
  readonly verbs: Readonly<Partial<Record<Verb, VerbPromise>>>;
  readonly reversible: { readonly disable: boolean; readonly revoke: boolean };
  /** How many credentials of one principal may be live together. */
  readonly overlap: number | "many";
  /** Milliseconds until a change is true everywhere; probes of death are spaced over `revoke`. */
  readonly propagation: { readonly create: number; readonly revoke: number };
  /** The value is ours to choose (set-value): the driver has `prepare`, and the value is staged before it is set. */
  readonly valueChosenByUs: boolean;
  /**
   * Names of the further values that a new credential always comes with and that its consumers need: `username`, `access_key_id`.
   * Each must have a field in every place where the credential is stored, or the plan is blocked. Absent = none.
   */
  readonly companions?: readonly string[];
  /** Grace-roll only: how long the old value may stay valid beside the new one, milliseconds. No `max` = the vendor names none. */
  readonly grace?: { readonly min: number; readonly max?: number };
  readonly killByPossession: boolean;
  /** What `probe` sends, for people: method and path, `GET /api/v1/key`. */
  readonly probeCall?: string;
  /** What the probe's answer tells of a live value: names of `Verification.tells`. */
  readonly tells?: readonly string[];
  /** Public hosts to which a value of this type may ever be sent, `host` or `host:port`. Connections and targets add theirs. */
  readonly hosts: readonly string[];
  /** What proves death: probes with a control, the control plane (the key id is gone from a complete list), or both together. */
  readonly proof: "probe" | "control-plane" | "both";
  /** What an answer "invalid" of the probe means where there is no control; false = it may also mean something else. */
  readonly invalidMeansDead: boolean;
  /** `match` finds a value by its hash, so that the value itself is not sent. */
  readonly matchesByHash?: true;
  /** Servers of other people issue the same kind of value: a refusal by `hosts` says nothing of one that is not known to be theirs. */
  readonly issuedElsewhere?: true;
  /**
   * Other things are of the same type too: it serves a credential where a connection of it names the record, and is asked before those
   * that serve the type otherwise. Never the default of its type.
   */
  readonly onlyIfNamed?: true;
  /** Manual steps: the exact page for what the API cannot do. */
  readonly pages: { readonly revoke: string; readonly issue?: string };
  /** What would end this kind of leak for good, for people: a sentence with the page. */
  readonly advice?: string;
  /**
   * What the connection must be allowed, by verb, in the vendor's own words: `iam:CreateAccessKey` for AWS, `auth/token/create: update`
   * (path: capabilities) for Vault, a sentence elsewhere. `rekey connect` prints it as a policy.
   */
  readonly rights?: Readonly<Partial<Record<Verb, readonly string[]>>>;
  /** Attributes of a harmless credential of this type, from which a rehearsal makes its own; absent = none are needed. */
  readonly rehearsal?: Readonly<Record<string, string>>;
  readonly testedAgainst: "real server" | "contract stand-in";
}

/** Whether a connection has a right, found out without changing anything. `broad` = it has far more than asked for. */
export interface RightCheck {
  readonly right: string;
  readonly state: "allowed" | "missing" | "broad" | "unknown";
}

/** Uses of a credential in a window of time, as far as the vendor tells. */
export interface Usage {
  /** `by`: who, in the vendor's words: client address, user agent, application name; absent where the vendor counts and does not say whom. */
  readonly seen: readonly { readonly by?: string; readonly at?: string; readonly count?: number }[];
  /** The vendor records every use and all pages were read. False = the absence of a use says nothing. */
  readonly complete: boolean;
}

/** The type that a connection in rekey.yml must have to serve this driver. */
export function connectionType({ connection, type }: Manifest): string {
  return connection ?? type.split("/")[0] ?? type;
}

/** `invalid` = the vendor's own invalid-credential answer. `disabled` is contained, not dead. Everything unclear is `unknown`. */
export interface ProbeResult {
  readonly answer: "alive" | "invalid" | "disabled" | "unknown";
  /** Status and body code as words for the receipt ("401 invalid_api_key", "28P01"). Never a body. */
  readonly code: string;
  /** What the answer told of a live credential, under the names of `Verification.tells` (finding.ts). Never a secret. */
  readonly tells?: Readonly<Record<string, string>>;
  /** The vendor asks to wait, milliseconds. */
  readonly afterMs?: number;
}

/** One credential as the vendor's control plane knows it. */
export interface KeyRecord {
  readonly id: string;
  readonly name?: string;
  readonly state: "active" | "disabled" | "gone";
  /** Public hint such as a redacted value; for matching only. */
  readonly hint?: string;
  readonly createdAt?: string;
  readonly lastUsedAt?: string;
  /** The principal that it authenticates: service account, user, role. */
  readonly principal?: string;
  /** Further non-secret facts that `issue` needs to make an equal one (limits, scopes, policies, user). */
  readonly attributes: Readonly<Record<string, string>>;
}

/** A new value before anybody but us knows it. */
export interface Prepared {
  readonly secret: Secret;
  /** Further values that consumers need beside the secret, non-secret: access key id, new user name. */
  readonly companions: Readonly<Record<string, string>>;
}

export interface Issued extends Prepared {
  readonly record: KeyRecord;
  /** After a roll: when the vendor stops accepting the old value, ISO 8601. */
  readonly oldEndsAt?: string;
}

export interface IssueRequest {
  /** Deterministic per run, `rekey-<run>`: list by it after a lost answer. */
  readonly name: string;
  /** The leaked credential's record: the new one has the same power. */
  readonly like: KeyRecord;
  /** Idempotency token for vendors that take one. */
  readonly token: string;
  /** Set-value only: what `prepare` chose, as it stands in the secret manager's pending place. */
  readonly prepared?: Prepared;
}

/** What the engine hands to every verb. */
export interface DriverContext {
  /** Base URL or DSN of the connection, pinned; never from a finding. */
  readonly host: string;
  /** The admin credential of the connection, if the connection has one. */
  readonly credential?: Secret;
  /** Vault and OpenBao: `credential` is no token, but what a log-in presents to get one. */
  readonly login?: VaultLogin;
  /** Per-call timeout, milliseconds. */
  readonly timeout: number;
  readonly signal?: AbortSignal;
  /** Not to an address of a private network, whatever a name leads to. */
  readonly publicOnly?: boolean;
  /**
   * Every `host:port` (or host) to which a value of this type may be sent: the manifest's, the connections' and `targets` of rekey.yml.
   * A driver whose credentials name their own host (a database URL) answers `unknown` to a probe of any other (contracts.md §4).
   */
  readonly targets?: readonly string[];
  /** KV v2 mounts that the inventory reads; `["secret"]` unless given. */
  readonly mounts?: readonly string[];
}

/** A log-in to Vault or OpenBao: by the role ID of an AppRole, or by the role that a workload's JWT takes on. */
export interface VaultLogin {
  readonly method: "approle" | "kubernetes" | "jwt";
  readonly role: string;
  /** Where the method is mounted, below `auth/`. */
  readonly mount: string;
}

/** The leaked or minted credential that a verb is about. */
export interface Target {
  /** Non-secret parts: subject, key id, host, user, database, account. */
  readonly attributes: Readonly<Record<string, string>>;
  /** The value, where the verb needs it (probe, possession-kill, match by hash). */
  readonly secret?: Secret;
}

export interface Driver {
  readonly manifest: Manifest;
  /**
   * Which records could be this credential, from a completely paged list. `grade` is `confirmed` for a hash, whoami or
   * key id that the vendor accepted with the value; `strong` for a hint. An empty list is an answer, not a failure.
   */
  match?(context: DriverContext, target: Target): Promise<{ records: readonly KeyRecord[]; grade: "confirmed" | "strong" | "weak" }>;
  /** Every record in the scope of the target: all pages, or it throws. */
  list?(context: DriverContext, target: Target): Promise<readonly KeyRecord[]>;
  /**
   * Set-value only (`valueChosenByUs`): chooses the new value, and whose it will be (`companions.username` of the alternate user).
   * May read, changes nothing. The engine stages the result and then calls `issue` with it, after a crash with the same one again.
   */
  prepare?(context: DriverContext, request: IssueRequest): Promise<Prepared>;
  /**
   * Makes a credential equal in power to `like`. With `prepared` it sets that value: repeatable, with the same result each time.
   * Two-slot: regenerates the slot that `like` is not in (its promise then says `destroy`).
   */
  issue?(context: DriverContext, request: IssueRequest): Promise<Issued>;
  /**
   * Takes back what `issue` made for this run, found by `name` or, for set-value, by `companions`: after a lost answer, since its
   * value is lost, and when a run is undone. Idempotent. Returns how many were deleted.
   */
  discard?(
    context: DriverContext,
    request: { name: string; like: KeyRecord; companions?: Readonly<Record<string, string>> },
  ): Promise<number>;
  /**
   * Gives the credential `record` a new value. Grace-roll: the old value stays valid for `grace` milliseconds; hard-roll: it dies at
   * once. Never sent twice: after a lost answer the engine makes a second credential with `issue`, or holds where there is none.
   */
  roll?(context: DriverContext, record: KeyRecord, request: { name: string; token: string; grace: number }): Promise<Issued>;
  disable?(context: DriverContext, record: KeyRecord): Promise<void>;
  enable?(context: DriverContext, record: KeyRecord): Promise<void>;
  /** Idempotent: gone already is success. Of a grace-roll it ends the record with every value that it has. */
  revoke?(context: DriverContext, record: KeyRecord, target: Target): Promise<void>;
  /** One cheap read call with the value. */
  probe(context: DriverContext, target: Target & { secret: Secret }): Promise<ProbeResult>;
  whoami?(context: DriverContext, target: Target & { secret: Secret }): Promise<Readonly<Record<string, string>>>;
  /** Who used it in the window (ISO 8601 UTC). Read-only. */
  usage?(context: DriverContext, record: KeyRecord, window: { from: string; to: string }): Promise<Usage>;
  /** Whether the connection has the rights that `rights` names. Changes nothing. Without it `rekey connect` tries `list` alone. */
  check?(context: DriverContext, rights: readonly string[]): Promise<readonly RightCheck[]>;
}

/** A place in a secret manager: `{ connection, path, field }` of contracts.md §8, without the connection. */
export interface SinkPlace {
  /** Mount and path, `secret/agents/triage`; for AWS Secrets Manager the secret's name or ARN. */
  readonly path: string;
  /** Key inside the entry's JSON object; absent = the whole entry is the value. */
  readonly field?: string;
}

/** What reading a place gives. `version` is the KV v2 number or the AWS VersionId, as a string. */
export interface SinkVersion {
  readonly version: string;
  readonly fields: Readonly<Record<string, Secret>>;
}

export interface SinkManifest {
  readonly name: string;
  /** Connection type in rekey.yml; absent = `name`. */
  readonly connection?: string;
  readonly pending: boolean;
  readonly cas: boolean;
  readonly readBack: boolean;
  readonly undo: boolean;
  /** It holds no value: promoting makes it copy another place's again. So it comes after all others, also when a run is taken back. */
  readonly refresh?: true;
  /** A value can wait there without an entry that it belongs to, for places that cannot hold one back. */
  readonly staging?: true;
  /** As a driver's `rights`. `<path>` stands for the mount and path of the place (for AWS the secret's ARN). */
  readonly rights?: readonly string[];
  /** What reading every entry needs, for the inventory. `<mount>` stands for each of the connection's. */
  readonly inventoryRights?: readonly string[];
  readonly testedAgainst: "real server" | "contract stand-in";
}

/** What people should know of a place before a run writes to it. Words for a plan, free of secrets and the same each time. */
export interface PlaceState {
  /** Why nothing may be written there now, as a sentence that says what to do. */
  readonly blocked?: string;
  /** `replicated to eu-west-1`, `AWS rotates it every 30 days`. */
  readonly notes: readonly string[];
}

export function sinkConnection({ connection, name }: SinkManifest): string {
  return connection ?? name;
}

/** A place of its own for leaked values; no inventory reads it. `name` is the incident's id. */
export interface Quarantine {
  /** Idempotent; the value deletes itself after `ttl` milliseconds, at most 30 days. */
  keep(context: DriverContext, name: string, secret: Secret, ttl: number): Promise<void>;
  read(context: DriverContext, name: string): Promise<Secret | undefined>;
  /** Destroys every version. Gone already is success. */
  destroy(context: DriverContext, name: string): Promise<void>;
  /** Destroys what outlived its `ttl`, where the store does not do so by itself. */
  sweep?(context: DriverContext): Promise<void>;
}

/**
 * A secret manager as the engine uses it. `run` names the run, and with the place it makes every call idempotent:
 * `pend` twice with the same values is one pending entry, `promote` of what is already current returns that version.
 */
export interface Sink {
  readonly manifest: SinkManifest;
  read(context: DriverContext, place: SinkPlace, version?: string): Promise<SinkVersion | undefined>;
  /** Stores values beside the current ones, readable by us only. Throws HoldError("sink-conflict") on somebody else's pending entry. */
  pend(context: DriverContext, place: SinkPlace, run: string, fields: Readonly<Record<string, Secret>>): Promise<{ version: string }>;
  readPending(context: DriverContext, place: SinkPlace, run: string): Promise<Readonly<Record<string, Secret>> | undefined>;
  /**
   * Makes the pending fields current by check-and-set against `from`; HoldError("sink-conflict") if somebody else wrote since.
   * `fields` are the same values again, for a sink without a pending place (`pending: false`), which writes them now; the engine calls
   * neither `pend` nor `readPending` nor `drop` of such a sink.
   */
  promote(
    context: DriverContext,
    place: SinkPlace,
    run: string,
    from: string,
    fields?: Readonly<Record<string, Secret>>,
  ): Promise<{ version: string }>;
  /** Puts version `to` back as current, if `from` (ours) still is; HoldError("sink-conflict") otherwise. */
  restore(context: DriverContext, place: SinkPlace, run: string, move: { from: string; to: string }): Promise<{ version: string }>;
  /** Removes the pending entry of this run. Idempotent. */
  drop(context: DriverContext, place: SinkPlace, run: string): Promise<void>;
  /** As a driver's `check`. */
  check?(context: DriverContext, rights: readonly string[]): Promise<readonly RightCheck[]>;
  /** Looks at a place when a plan is made. Reads only. */
  inspect?(context: DriverContext, place: SinkPlace): Promise<PlaceState>;
  /** An entry that a rehearsal uses and removes again; without it nothing can be rehearsed with this sink. */
  readonly scratch?: {
    /** Makes room for it, where entries do not come into being by writing. Idempotent. */
    create(context: DriverContext, path: string): Promise<void>;
    /** Destroys every version. Gone already is success. */
    remove(context: DriverContext, path: string): Promise<void>;
  };
  /** Where leaked values wait for their last probe, if the tenant opted in (contracts.md §1). */
  readonly quarantine?: Quarantine;
  /** Page by page, every entry that this connection may read: for the inventory. Values live only as long as the iteration step. */
  entries(
    context: DriverContext,
    /** Entries that need not be read, by their path. */
    skip?: (path: string) => boolean,
  ): AsyncIterable<{ path: string; field?: string; version: string; secret: Secret; tags: Readonly<Record<string, string>> }>;
}
