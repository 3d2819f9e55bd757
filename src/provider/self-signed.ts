import { createPublicKey, type KeyObject, randomBytes, sign } from "node:crypto";

/**
 * A self-signed X.509 certificate in PEM around an RSA key, for vendors that take a public key in no other form. `name`: its common
 * name. Without end (RFC 5280, 4.1.2.5).
 */
export function selfSigned(privateKey: KeyObject, name: string): string {
  const rsaWithSha256 = sequence(der(0x06, Buffer.from("2a864886f70d01010b", "hex")), der(0x05));
  const commonName = sequence(der(0x06, Buffer.from("550403", "hex")), der(0x0c, Buffer.from(name, "utf8")));
  const subject = sequence(der(0x31, commonName));
  const validity = sequence(der(0x17, Buffer.from("700101000000Z")), der(0x18, Buffer.from("99991231235959Z")));
  const serial = der(0x02, Buffer.concat([Buffer.from([0x01]), randomBytes(15)]));
  const version = der(0xa0, der(0x02, Buffer.from([2])));
  const key = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  const body = sequence(version, serial, rsaWithSha256, subject, validity, subject, key);
  const signature = der(0x03, Buffer.concat([Buffer.from([0]), sign("sha256", body, privateKey)]));
  const text = sequence(body, rsaWithSha256, signature).toString("base64");
  return `-----BEGIN CERTIFICATE-----\n${text.replaceAll(/.{1,64}/g, "$&\n")}-----END CERTIFICATE-----\n`;
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

/** One element of the distinguished encoding rules (X.690): tag, length, content. */
function der(tag: number, content: Buffer = Buffer.alloc(0)): Buffer {
  const size = content.length.toString(16);
  const bytes = Buffer.from(size.length % 2 === 0 ? size : `0${size}`, "hex");
  const length = content.length < 128 ? bytes : Buffer.concat([Buffer.from([0x80 + bytes.length]), bytes]);
  return Buffer.concat([Buffer.from([tag]), length, content]);
}
