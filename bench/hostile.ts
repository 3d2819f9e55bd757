/**
 * `node bench/hostile.ts`: what grows faster than its input. Texts made to be slow are scanned at doubling sizes; printed is the
 * processor time of each against that of half of it, so 2 is linear.
 */
import { loadRuleset } from "../src/config/detectors.ts";
import { expandTemplate, seededRandom } from "../src/detector/template.ts";
import { scan } from "../src/scan/scan.ts";
import { scopeSalt } from "../src/secret.ts";

const random = seededRandom("hostile");
const make = (template: string) => expandTemplate(template, random);
const [smallest, doublings] = [1 << 16, 3];

/** Each gives a piece; the text is made of as many as fit. */
const inputs: Readonly<Record<string, () => string>> = {
  "keys in one line": () => `${make("AKIA{B32:16}")} ${make("ghp_{alnum:36}")} `,
  "names without values": () => "secret_key api_key access_token password client_secret ",
  "vendors and key-like names": () => "openai mistral key token cohere secret ",
  "half of every pair": () => `aws_secret_access_key=${make("{b64:40}")} `,
  "URLs that never end": () => "https://user:password",
  "base64 in base64": () => Buffer.from(Buffer.from(make("{alnum:900}")).toString("base64")).toString("base64"),
  "escapes without a blank": () => "%41%42\\u0043\\x44",
  "one letter": () => "a".repeat(1024),
  "opening brackets": () => "{[(<".repeat(64),
  "first lines of private keys": () => "-----BEGIN RSA PRIVATE KEY-----\n",
  "invalid UTF-8": () => make("{alnum:3}\u00ff{alnum:3}\u0080 key="),
};

const ruleset = await loadRuleset();
const keyring = { tenant: [scopeSalt("bench")], salts: [scopeSalt("bench")] };

for (const [name, piece] of Object.entries(inputs)) {
  const pieces: string[] = [];
  for (let length = 0; length < smallest << doublings; length += pieces.at(-1)?.length ?? 1) pieces.push(piece());
  const whole = Buffer.from(pieces.join(""), "latin1");
  scan({ bytes: whole.subarray(0, smallest), origin: { kind: "file", path: "hostile.txt" } }, ruleset, keyring); // compiles what it needs
  const times = Array.from({ length: doublings + 1 }, (_, step) => fastest(whole.subarray(0, smallest << step)));
  const growth = times.slice(1).map((time, step) => (time / (times[step] ?? 1)).toFixed(1));
  const rate = (smallest << doublings) / 1e6 / (times.at(-1) ?? 1);
  console.log(`${name.padEnd(30)} ${growth.join("  ")}   ${rate.toFixed(1)} MB/s at ${(smallest << doublings) / 1e6} MB`);
}

/** Processor seconds, the best of two. */
function fastest(bytes: Buffer): number {
  const once = () => {
    const before = process.cpuUsage();
    scan({ bytes, origin: { kind: "file", path: "hostile.txt" } }, ruleset, keyring);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6;
  };
  return Math.min(once(), once());
}
