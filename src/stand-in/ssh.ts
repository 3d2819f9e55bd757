import { once } from "node:events";
import type { AddressInfo } from "node:net";
import ssh2 from "ssh2";
import { newSshKey, publicHalfOf, sshFingerprint } from "../connection/ssh.ts";

/** A stand-in for an SSH server on loopback (RFC 4252, public keys only): it verifies signatures, and gives a greeting or files. */
export interface SshServer {
  readonly port: number;
  /** `SHA256:…` */
  readonly hostKey: string;
  stop(): Promise<void>;
}

/**
 * `admit`: whether this public half (base64) is let in, and what is said to it. `files`: what SFTP shows, changed in place; absent = none.
 */
export async function startSsh({
  admit,
  files,
}: {
  admit: (user: string, blob: string) => { greeting?: string } | undefined;
  files?: Map<string, Buffer>;
}): Promise<SshServer> {
  const hostKey = await newSshKey("host");
  const hostBlob = (await publicHalfOf(hostKey))?.blob ?? "";
  const open = new Set<ssh2.Connection>();
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
    let said: string | undefined;
    open.add(client);
    (client as unknown as { setNoDelay(): void }).setNoDelay(); // not in its types; without it each answer waits 40 ms
    client.on("error", () => undefined).once("close", () => open.delete(client));
    client.on("authentication", (attempt) => {
      if (attempt.method !== "publickey") return attempt.reject(["publickey"]);
      const known = admit(attempt.username, attempt.key.data.toString("base64"));
      if (known === undefined) return attempt.reject(["publickey"]);
      const key = ssh2.utils.parseKey(`${attempt.key.algo} ${attempt.key.data.toString("base64")}`);
      if (key instanceof Error) return attempt.reject(["publickey"]);
      if (attempt.signature !== undefined && attempt.blob !== undefined) {
        if (key.verify(attempt.blob, attempt.signature, attempt.hashAlgo) !== true) return attempt.reject(["publickey"]);
        said = known.greeting;
      }
      return attempt.accept();
    });
    client.on("session", (accept) => {
      const session = accept();
      session.on("shell", (acceptShell) => {
        const stream = acceptShell();
        stream.stderr.write(said ?? "");
        stream.exit(1);
        stream.end();
      });
      session.on("sftp", (acceptSftp) => serveFiles(acceptSftp(), files ?? new Map()));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    hostKey: sshFingerprint(hostBlob),
    stop: () =>
      new Promise((stopped) => {
        server.close(() => stopped());
        for (const client of open) client.end();
      }),
  };
}

const { STATUS_CODE, OPEN_MODE } = ssh2.utils.sftp;

/** OpenSSH offers posix-rename in its version packet; the server of ssh2 offers nothing. */
function offerRename(sftp: ssh2.SFTPWrapper): void {
  const bare = Buffer.from([0, 0, 0, 5, 2, 0, 0, 0, 3]);
  const text = (value: string) => Buffer.concat([Buffer.from([0, 0, 0, value.length]), Buffer.from(value)]);
  const extended = Buffer.concat([Buffer.from([0, 0, 0, 38, 2, 0, 0, 0, 3]), text("posix-rename@openssh.com"), text("1")]);
  const { _protocol: protocol } = sftp as unknown as { _protocol: { channelData(channel: number, data: Buffer): void } };
  const send = protocol.channelData.bind(protocol);
  protocol.channelData = (channel, data) => send(channel, data.equals(bare) ? extended : data);
}

function serveFiles(sftp: ssh2.SFTPWrapper, files: Map<string, Buffer>): void {
  offerRename(sftp);
  const handles = new Map<number, { path: string; bytes: Buffer; writes: boolean }>();
  let last = 0;
  const of = (handle: Buffer) => handles.get(handle.readUInt32BE(0));
  const attributes = (bytes: Buffer) => ({ mode: 0o100600, uid: 1000, gid: 1000, size: bytes.length, atime: 0, mtime: 0 });
  sftp.on("OPEN", (id, path, flags) => {
    const writes = (flags & OPEN_MODE.WRITE) !== 0;
    const bytes = writes ? Buffer.alloc(0) : files.get(path);
    if (bytes === undefined) return sftp.status(id, STATUS_CODE.NO_SUCH_FILE);
    handles.set(++last, { path, bytes, writes });
    const handle = Buffer.alloc(4);
    handle.writeUInt32BE(last);
    return sftp.handle(id, handle);
  });
  sftp.on("READ", (id, handle, offset, length) => {
    const bytes = of(handle)?.bytes.subarray(offset, offset + length);
    return bytes === undefined || bytes.length === 0 ? sftp.status(id, STATUS_CODE.EOF) : sftp.data(id, bytes);
  });
  sftp.on("WRITE", (id, handle, _offset, data) => {
    const file = of(handle);
    if (file !== undefined) file.bytes = Buffer.concat([file.bytes, data]);
    sftp.status(id, file === undefined ? STATUS_CODE.FAILURE : STATUS_CODE.OK);
  });
  sftp.on("CLOSE", (id, handle) => {
    const file = of(handle);
    if (file?.writes === true) files.set(file.path, file.bytes);
    handles.delete(handle.readUInt32BE(0));
    sftp.status(id, STATUS_CODE.OK);
  });
  sftp.on("FSTAT", (id, handle) => sftp.attrs(id, attributes(of(handle)?.bytes ?? Buffer.alloc(0))));
  sftp.on("FSETSTAT", (id) => sftp.status(id, STATUS_CODE.OK));
  sftp.on("STAT", (id, path) => {
    const bytes = files.get(path);
    return bytes === undefined ? sftp.status(id, STATUS_CODE.NO_SUCH_FILE) : sftp.attrs(id, attributes(bytes));
  });
  sftp.on("EXTENDED", (id, name, data) => {
    if (name !== "posix-rename@openssh.com") return sftp.status(id, STATUS_CODE.OP_UNSUPPORTED);
    const length = data.readUInt32BE(0);
    const [from, to] = [data.subarray(4, 4 + length).toString(), data.subarray(8 + length).toString()];
    const bytes = files.get(from);
    if (bytes === undefined) return sftp.status(id, STATUS_CODE.NO_SUCH_FILE);
    files.set(to, bytes);
    files.delete(from);
    return sftp.status(id, STATUS_CODE.OK);
  });
}
