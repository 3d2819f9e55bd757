import { newSshKey, publicHalfOf, readOverSsh, replaceOverSsh, type SshLogin, sshFingerprint, trySsh } from "../connection/ssh.ts";
import type { Driver, DriverContext, KeyRecord, ProbeResult } from "../driver.ts";
import { HoldError } from "../errors.ts";
import { Secret } from "../secret.ts";
import { ownName } from "./answer.ts";
import { manifest } from "./vendor.ts";

/**
 * Keys that let people and programs into one account of an SSH server, by its authorized_keys (sshd(8)). The connection is that account,
 * with a key of Rekey's own in the same file. A line is added with the options of the leaked key's line, and named by its run; disabling
 * comments a line out. Sessions that are open go on.
 */
export const sshKey: Driver = {
  manifest: {
    ...manifest({
      type: "ssh-key/authorized-key",
      name: "SSH key",
      connection: "ssh",
      detectors: ["private-key"],
      class: "m-disable",
      verbs: ["list", "disable", "enable", "revoke", "probe"],
      propagation: { create: 0, revoke: 1_000 },
      valueChosenByUs: true,
      onlyIfNamed: true,
      probeCall: "log-in",
      tells: [],
      hosts: [],
      // a server refuses for other reasons too: the line must be gone
      proof: "both",
      invalidMeansDead: false,
      pages: { revoke: "https://man.openbsd.org/sshd#AUTHORIZED_KEYS_FILE_FORMAT" },
      rights: {
        list: ["SFTP, read ~/.ssh/authorized_keys"],
        issue: ["SFTP, write and rename in ~/.ssh"],
        disable: ["SFTP, write and rename in ~/.ssh"],
        revoke: ["SFTP, write and rename in ~/.ssh"],
      },
      rehearsal: { options: "restrict" },
    }),
    verbs: {
      list: { effect: "read", retry: "safe" },
      issue: { effect: "create", retry: "safe" },
      disable: { effect: "mutate", retry: "safe" },
      enable: { effect: "mutate", retry: "safe" },
      revoke: { effect: "destroy", retry: "safe" },
      probe: { effect: "read", retry: "safe" },
    },
  },

  async match(context, { secret }) {
    const own = secret === undefined ? undefined : await publicHalfOf(secret.reveal());
    if (own === undefined) return { records: [], grade: "weak" };
    const { text } = await linesOf(context);
    return { records: keysIn(text, context).filter(({ id }) => id === sshFingerprint(own.blob)), grade: "confirmed" };
  },

  list: async (context) => keysIn((await linesOf(context)).text, context),

  prepare: async (_context, { name }) => ({ secret: Secret.from(await newSshKey(ownName(name))), companions: {} }),

  async issue(context, { name, like, prepared }) {
    const own = prepared === undefined ? undefined : await publicHalfOf(prepared.secret.reveal());
    if (prepared === undefined || own === undefined)
      throw new HoldError("not-prepared", "a new SSH key must be staged before it is authorized; this run has staged none");
    const { options = "" } = like.attributes;
    const line = `${options === "" ? "" : `${options} `}${own.type} ${own.blob} ${ownName(name)}`;
    await change(context, (lines) => (lines.some((old) => blobIn(old) === own.blob) ? lines : [...lines, line]));
    const record = keysIn(line, context)[0];
    if (record === undefined) throw new HoldError("unexpected-answer", "the line of the new key does not read as one; nothing was written");
    return { record, secret: prepared.secret, companions: {} };
  },

  async discard(context, { name }) {
    const own = ownName(name);
    let count = 0;
    await change(context, (lines) => {
      const kept = lines.filter((line) => keysIn(line, context)[0]?.name !== own);
      count = lines.length - kept.length;
      return kept;
    });
    return count;
  },

  async disable(context, record) {
    await notOurselves(context, record);
    await change(context, (lines) => lines.map((line) => (isOf(line, record) && !line.startsWith(mark) ? `${mark}${line}` : line)));
  },

  async enable(context, record) {
    const { text } = await linesOf(context);
    if (!keysIn(text, context).some(({ id }) => id === record.id))
      throw new HoldError("old-gone", "this SSH key is no longer authorized; add it again by hand");
    await change(context, (lines) => lines.map((line) => (isOf(line, record) && line.startsWith(mark) ? line.slice(mark.length) : line)));
  },

  async revoke(context, record) {
    await notOurselves(context, record);
    await change(context, (lines) => lines.filter((line) => !isOf(line, record)));
  },

  async probe(context, { secret }): Promise<ProbeResult> {
    try {
      const answer = await trySsh({ ...loginOf(context), privateKey: secret.reveal() });
      if (answer === "accepted") return { answer: "alive", code: "log-in accepted" };
      return { answer: answer === "denied" ? "invalid" : "unknown", code: answer === "denied" ? "publickey denied" : answer };
    } catch (error) {
      if (error instanceof HoldError) return { answer: "unknown", code: error.code };
      throw error;
    }
  },
};

const file = ".ssh/authorized_keys";
/** sshd takes a line that begins with `#` for a comment. */
const mark = "# rekey-disabled ";

/** `ssh://user@host:22?hostkey=SHA256:…`, and a private key of Rekey's own. Throws HoldError("bad-connection"). */
function loginOf({ host, credential, timeout }: DriverContext): SshLogin {
  const url = URL.canParse(host) ? new URL(host) : undefined;
  const hostKeys = url?.searchParams.getAll("hostkey").map((key) => key.replaceAll(" ", "+")) ?? [];
  if (url?.protocol !== "ssh:" || url.username === "" || url.password !== "" || hostKeys.length === 0)
    throw new HoldError("bad-connection", "the host of this SSH connection is not of the form ssh://user@host:22?hostkey=SHA256:…");
  const address = { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port: url.port === "" ? 22 : Number(url.port), hostKeys };
  return { address, user: decodeURIComponent(url.username), privateKey: credential?.reveal() ?? "", timeout };
}

async function linesOf(context: DriverContext): Promise<{ login: SshLogin; text: string }> {
  const login = loginOf(context);
  return { login, text: (await readOverSsh(login, file)) ?? "" };
}

async function change(context: DriverContext, to: (lines: readonly string[]) => readonly string[]): Promise<void> {
  const { login, text } = await linesOf(context);
  const lines = text.replace(/\n$/, "").split("\n");
  const next = to(text === "" ? [] : lines);
  const written = next.length === 0 ? "" : `${next.join("\n")}\n`;
  if (written !== text) await replaceOverSsh(login, file, { from: text, to: written });
}

const keyLine = /^(?:(.*?)\s+)?((?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-nistp\d+|sk-[\w@.-]+)) ([A-Za-z0-9+/]+={0,2})(?:\s+(.*))?$/;

function keysIn(text: string, context: DriverContext): KeyRecord[] {
  const { address, user } = loginOf(context);
  return text.split("\n").flatMap((line): KeyRecord[] => {
    const disabled = line.startsWith(mark);
    const [, options = "", , blob, comment] = keyLine.exec(disabled ? line.slice(mark.length) : line.trim()) ?? [];
    if (blob === undefined || options.startsWith("#")) return [];
    return [
      {
        id: sshFingerprint(blob),
        ...(comment === undefined ? {} : { name: comment.slice(0, 200) }),
        state: disabled ? "disabled" : "active",
        principal: `${user}@${address.host}`,
        attributes: { options },
      },
    ];
  });
}

function blobIn(line: string): string | undefined {
  return keyLine.exec(line.startsWith(mark) ? line.slice(mark.length) : line.trim())?.[3];
}

function isOf(line: string, { id }: KeyRecord): boolean {
  const blob = blobIn(line);
  return blob !== undefined && sshFingerprint(blob) === id;
}

async function notOurselves({ credential }: DriverContext, { id }: KeyRecord): Promise<void> {
  const own = await publicHalfOf(credential?.reveal() ?? "");
  if (own !== undefined && sshFingerprint(own.blob) === id)
    throw new HoldError("own-credential", "this is the SSH key that Rekey itself works with; give this connection another one first");
}
