import { createHash, createPrivateKey, randomBytes } from "node:crypto";
import type { Client, ParsedKey, PublicKeyAuthMethod, SFTPWrapper } from "ssh2";
import { HoldError, RetryError, UnknownOutcomeError } from "../errors.ts";

/** Where an SSH server listens, and by which of its own keys it is known. */
export interface SshAddress {
  readonly host: string;
  readonly port: number;
  /** As OpenSSH writes them: `SHA256:` and base64 without `=`. A server with another key is not spoken to. */
  readonly hostKeys: readonly string[];
}

export interface SshLogin {
  readonly address: SshAddress;
  readonly user: string;
  /** OpenSSH or PEM, without a passphrase. */
  readonly privateKey: string;
  /** Milliseconds. */
  readonly timeout: number;
}

/** `accepted` and `denied` are the server's word on the key; everything else is not. */
export type SshAnswer = "accepted" | "denied" | "host-key" | "no answer";

/** Logs in with a key and nothing else, and runs nothing. The private half signs a challenge; it is not sent (RFC 4252, 7). */
export async function trySsh(login: SshLogin): Promise<SshAnswer> {
  return withClient(login, async () => undefined).then(
    () => "accepted" as const,
    (error: unknown) => {
      if (error instanceof SshError) return error.answer;
      throw error;
    },
  );
}

/** What a server that gives no shell says to this key, at most 1,000 characters; the answer alone where it does not let it in. */
export async function greetingOf(login: SshLogin): Promise<{ answer: SshAnswer; text?: string }> {
  try {
    const text = await withClient(
      login,
      (client) =>
        new Promise<string>((done, reject) => {
          client.shell(false, (error, stream) => {
            if (error !== undefined) return reject(new SshError("no answer"));
            let said = "";
            const add = (chunk: Buffer) => {
              said = (said + chunk.toString("utf8")).slice(0, 1000);
            };
            stream.on("data", add).stderr.on("data", add);
            // not "close", which may come before what was said is read
            let open = 2;
            const ended = () => --open === 0 && done(said);
            stream.once("end", ended).stderr.once("end", ended);
            stream.end();
          });
        }),
    );
    return { answer: "accepted", text };
  } catch (error) {
    if (error instanceof SshError) return { answer: error.answer };
    throw error;
  }
}

/** A file of the account, at most 1 MiB of text; undefined where there is none. */
export function readOverSsh(login: SshLogin, path: string): Promise<string | undefined> {
  return withSftp(login, true, (sftp) => readFile(sftp, path));
}

/**
 * Replaces the file where it still holds `from`: written beside it, then renamed over it, mode 0600. Throws RetryError where it holds
 * something else. SFTP knows no check-and-set, so somebody who writes between the last look and the rename is overwritten.
 */
export function replaceOverSsh(login: SshLogin, path: string, { from, to }: { from: string; to: string }): Promise<void> {
  return withSftp(login, false, async (sftp) => {
    const beside = `${path}.rekey-new`;
    await new Promise<void>((done, reject) =>
      sftp.writeFile(beside, to, { mode: 0o600 }, (error) => (error ? reject(refused("writing a file", error)) : done())),
    );
    if ((await readFile(sftp, path)) !== from) throw new RetryError("somebody else changed the file while it was being changed");
    await new Promise<void>((done, reject) => {
      try {
        sftp.ext_openssh_rename(beside, path, (error) => (error ? reject(refused("renaming a file", error)) : done()));
      } catch {
        // a rename that refuses an existing file would need a moment without one, in which nobody is let in
        reject(new HoldError("not-supported", "this SSH server cannot replace a file at once (posix-rename); nothing was changed"));
      }
    });
  });
}

/** Of a private key: type and public half as they stand in authorized_keys. Undefined for what is no SSH key, or needs a passphrase. */
export async function publicHalfOf(privateKey: string): Promise<{ type: string; blob: string } | undefined> {
  const key = (await readable(privateKey))?.key;
  return key === undefined ? undefined : { type: key.type, blob: key.getPublicSSH().toString("base64") };
}

/**
 * A new pair: the private half as OpenSSH writes it, with the comment. ssh2 writes about one ed25519 key in 200 so that neither it nor OpenSSH
 * can read it (1.17, measured): such a one is made anew. Throws if that happens ten times in a row.
 */
export async function newSshKey(comment: string): Promise<string> {
  const { utils } = (await import("ssh2")).default;
  for (let attempt = 0; attempt < 10; attempt++) {
    const { private: privateKey } = utils.generateKeyPairSync("ed25519", { comment });
    const key = utils.parseKey(privateKey);
    if (key instanceof Error) continue;
    const signed = randomBytes(32);
    if (key.verify(signed, key.sign(signed)) === true) return privateKey;
  }
  throw new Error("ten new SSH keys in a row could not be read again; expected one that signs");
}

/** `SHA256:…` of a public half in base64, as ssh-keygen -l shows it. */
export function sshFingerprint(blob: string): string {
  return `SHA256:${createHash("sha256").update(Buffer.from(blob, "base64")).digest("base64").replace(/=+$/, "")}`;
}

/** Why a connection did not come about; its message holds nothing of the server's. */
class SshError extends Error {
  override name = "SshError";
  readonly answer: Exclude<SshAnswer, "accepted">;
  constructor(answer: Exclude<SshAnswer, "accepted">) {
    super(`the SSH server did not let the key in (${answer})`);
    this.answer = answer;
  }
}

/** A finding's PEM may have its line breaks as `\\n`; PKCS#8 is what OpenSSH's own parser does not read. */
async function readable(privateKey: string): Promise<{ key: ParsedKey; text: string } | undefined> {
  const { utils } = (await import("ssh2")).default;
  const text = `${privateKey.replaceAll(/\\+n/g, "\n").trim()}\n`;
  const key = utils.parseKey(text);
  if (!(key instanceof Error)) return { key, text };
  try {
    const other = createPrivateKey(text);
    const pem = other.export({ type: other.asymmetricKeyType === "rsa" ? "pkcs1" : "sec1", format: "pem" }).toString();
    const again = utils.parseKey(pem);
    return again instanceof Error ? undefined : { key: again, text: pem };
  } catch {
    return undefined;
  }
}

async function withClient<T>({ address, user, privateKey, timeout }: SshLogin, work: (client: Client) => Promise<T>): Promise<T> {
  const own = await readable(privateKey);
  if (own === undefined) throw new HoldError("bad-credential", "this is no private key that SSH reads without a passphrase");
  const { Client: SshClient } = (await import("ssh2")).default;
  const client = new SshClient();
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<T>((done, reject) => {
      let strange = false;
      const method: PublicKeyAuthMethod = { type: "publickey", username: user, key: own.text };
      timer = setTimeout(() => reject(new SshError("no answer")), timeout);
      client.once("ready", () => work(client).then(done, reject));
      client.on("error", (error) => {
        const refused = "level" in error && error.level === "client-authentication";
        reject(new SshError(strange ? "host-key" : refused ? "denied" : "no answer"));
      });
      client.once("close", () => reject(new SshError("no answer")));
      client.connect({
        host: address.host,
        port: address.port,
        username: user,
        readyTimeout: timeout,
        hostVerifier: (hostKey: Buffer) => {
          strange = !address.hostKeys.includes(sshFingerprint(hostKey.toString("base64")));
          return !strange;
        },
        authHandler: [method],
      });
      client.setNoDelay(true);
    });
  } finally {
    clearTimeout(timer);
    client.end();
  }
}

async function withSftp<T>(login: SshLogin, safe: boolean, work: (sftp: SFTPWrapper) => Promise<T>): Promise<T> {
  let began = false;
  try {
    return await withClient(login, async (client) => {
      const sftp = await new Promise<SFTPWrapper>((done, reject) =>
        client.sftp((error, channel) => (error === undefined ? done(channel) : reject(refused("opening SFTP", error)))),
      );
      began = true;
      return work(sftp);
    });
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    if (error.answer === "denied")
      throw new HoldError("connection-refused", "the SSH server refused the key of this connection; check that it is authorized there");
    if (error.answer === "host-key")
      throw new HoldError(
        "host-key",
        "the SSH server has another host key than this connection names; nothing was sent. Look why, then correct ?hostkey=",
      );
    if (began && !safe) throw new UnknownOutcomeError("the SSH server did not say what became of a change; look at the file");
    throw new RetryError("the SSH server did not answer");
  }
}

async function readFile(sftp: SFTPWrapper, path: string): Promise<string | undefined> {
  const size = await new Promise<number | undefined>((done, reject) =>
    sftp.stat(path, (error, stats) => {
      if (error === undefined) return done(stats.size);
      return codeOf(error) === 2 ? done(undefined) : reject(refused("reading a file", error));
    }),
  );
  if (size === undefined) return undefined;
  if (size > 1 << 20) throw new HoldError("unexpected-answer", "this file is larger than 1 MiB, so it is no list of keys");
  return new Promise((done, reject) =>
    sftp.readFile(path, (error, bytes) => (error ? reject(refused("reading a file", error)) : done(bytes.toString("utf8")))),
  );
}

/** SFTP status codes: 2 no such file, 3 permission denied, 8 not supported. */
function codeOf(error: Error): number | undefined {
  return "code" in error && typeof error.code === "number" ? error.code : undefined;
}

function refused(what: string, error: Error): HoldError {
  const words: Record<number, string> = { 2: "there is none", 3: "permission denied", 8: "the server does not support it" };
  return new HoldError("connection-refused", `${what} over SFTP failed (${words[codeOf(error) ?? -1] ?? "the server refused"})`);
}
