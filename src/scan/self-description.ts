import { seedOf } from "../detector/azure-checksum.ts";

/**
 * Non-secret facts that a credential holds about itself, for `Finding.attributes` (identity.md 3.3). Called while the value is in
 * memory; gives an empty object where there is nothing to read. `id` is the key id beside the value, where the detector has one.
 * Claims are decoded, their signature is not checked.
 */
export function selfDescription(value: string, id = ""): Readonly<Record<string, string>> {
  if (/^(?:AKIA|ASIA)[A-Z2-7]{16}$/.test(id)) return { account_id: awsAccount(id) };
  const text = value.trim();
  if (text.startsWith("{")) return keyFile(text);
  if (/^eyJ[\w-]{5,}\.eyJ[\w-]{5,}\./.test(text) && text.length < 16_384) return claims(text.split(".")[1] ?? "");
  for (const [form, read] of forms) {
    const match = text.length < 4096 ? form.exec(text) : null;
    if (match !== null) return defined(read(match[1] ?? "", match));
  }
  return {};
}

type Facts = Readonly<Record<string, string | undefined>>;

/** Formats that hold something readable (detection.md §4.5); the first that fits is read. */
const forms: readonly [RegExp, (part: string, match: RegExpExecArray) => Facts][] = [
  [/^sntrys_(eyJ[\w+/=-]+)_/, (part) => pick(part, { org: "org", url: "url", region_url: "region_url" })],
  [/^glc_(eyJ[\w+/=-]+)$/, (part) => ({ ...pick(part, { o: "org", n: "token_name" }), ...region(part) })],
  [/^(eyJrIjoi[\w+/=-]+)$/, (part) => pick(part, { n: "token_name", id: "org" })],
  [/^ops_(eyJ[\w+/=-]+)$/, (part) => pick(part, { email: "account_email", signInAddress: "url" })],
  [/^ABSK([\w+/=]+)$/, (part) => bedrock(base64(part))],
  [/^bedrock-api-key-([\w+/=]+)$/, (part) => presigned(base64(part))],
  [/^glpat-([\w-]{27,300})\.01\./, (part) => routable(base64(part))],
  [/^[st]k\.(eyJ[\w-]+)\./, (part) => pick(part, { u: "user" })],
  [/^p\.(eyJ[\w-]+)\./, (part) => pick(part, { host: "region", u: "workspace_id", id: "token_id" })],
  [/^([\w-]{24,28})\.[\w-]{6}\.[\w-]{27,38}$/, (part) => ({ bot_id: /^\d{15,20}$/.exec(base64(part))?.[0] })],
  [/^(00D\w{12})!/, (part) => ({ org: part })],
  [
    /^(?:SG\.([\w-]{22})\.|re_([A-Za-z0-9]{8})_|(dt0\w\d\d\.[A-Z0-9]{24})\.|(pat[A-Za-z0-9]{14})\.)/,
    (_, match) => ({ token_id: match.slice(1).find(Boolean) }),
  ],
  [/^(?:pk_(\d{7,9})_[A-Z0-9]{32}|[12]\/(\d{14,16})[:/])/, (_, match) => ({ user_id: match.slice(1).find(Boolean) })],
  [
    /^[A-Za-z0-9]{52}JQQJ9[9DH]([A-Z])([A-L]).{12}(?:AAA([A-Za-z])ACOG|.{4}([A-Za-z]{4}))/,
    (year, [, , month = "A", letter = "", mark = ""]): Facts => ({
      created: created(year, month),
      service: letter === "" ? azureServices[mark.toUpperCase()] : cognitiveServices[letter],
    }),
  ],
  [/^([A-Za-z0-9+/_-]{43,86}={0,2})$/, (key) => ({ permission: azurePermissions[seedOf(key) ?? ""] })],
  [/^[0-9a-f]{32}-(us\d{1,2})$/, (part) => ({ data_center: part })],
  [/^CCIP(?:AT|RJ)_([1-9A-HJ-NP-Za-km-z]{22})_/, (part) => ({ owner_id: uuidOf(part) })],
  [/^snyk_[us]at\.[0-9a-f]{8}\.(eyJ[\w-]+)\./, (part) => pick(part, { h: "host", j: "token_id" })],
];

/** Provider marks of Azure's annotated keys, and letters of its AI services (detection.md §4.3). */
const azureServices: Readonly<Record<string, string>> = {
  AZDO: "DevOps",
  AZEG: "Event Grid",
  AZAC: "App Configuration",
  AZCS: "Communication Services",
  AZMP: "Maps",
  AZMR: "Mixed Reality",
  AZFR: "Fluid Relay",
};
const cognitiveServices: Readonly<Record<string, string>> = {
  A: "AI Services",
  B: "OpenAI",
  C: "Anomaly Detector",
  D: "Anomaly Detector",
  E: "Cognitive Services",
  F: "Computer Vision",
  G: "Content Moderator",
  H: "Content Safety",
  I: "Custom Vision",
  J: "Custom Vision",
  K: "Face",
  L: "Form Recognizer",
  M: "Health",
  N: "Health",
  O: "Immersive Reader",
  P: "all AI services",
  R: "LUIS",
  S: "LUIS",
  T: "Metrics Advisor",
  U: "Personalizer",
  V: "QnA Maker",
  W: "QnA Maker",
  X: "Speaker Recognition",
  Y: "Speech",
  Z: "Speech Translation",
  a: "Text Analytics",
  b: "Text Translation",
  d: "Transcription",
  e: "Video",
};

/** What a key may do, by the seed that its checksum fits. */
const azurePermissions: Readonly<Record<string, string>> = {
  MastRW00: "read and write",
  MastRO00: "read only",
  Send0000: "send",
  Listen00: "listen",
  Manage00: "manage",
  PAdmin00: "admin",
  Query000: "query",
  Master00: "all functions and the host",
  System00: "system",
  Functi00: "one function",
  Tenant00: "direct management",
  Gatewy00: "gateway",
  GitKey00: "repository",
  DpsKey00: "provisioning",
  Device00: "one device",
};

/** 22 digits of Bitcoin's base58 as 16 bytes in the form of a UUID. */
function uuidOf(digits: string): string | undefined {
  const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  let value = 0n;
  for (const digit of digits) value = value * 58n + BigInt(alphabet.indexOf(digit));
  const hex = value.toString(16).padStart(32, "0");
  return hex.length > 32 ? undefined : hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function base64(part: string): string {
  return Buffer.from(part, "base64").toString("utf8");
}

/** Fields of a JSON object in base64, under the names that they have here. */
function pick(part: string, names: Readonly<Record<string, string>>): Facts {
  const object = jsonObject(base64(part));
  return Object.fromEntries(
    Object.entries(names).map(([from, to]) => {
      const value = object[from];
      return [to, typeof value === "string" || typeof value === "number" ? String(value).slice(0, 300) : undefined];
    }),
  );
}

function region(part: string): Facts {
  const { m } = jsonObject(base64(part));
  const value = typeof m === "object" && m !== null && "r" in m ? m.r : undefined;
  return { region: typeof value === "string" ? value.slice(0, 100) : undefined };
}

/** `BedrockAPIKey-{id}-at-{account}:{secret}` */
function bedrock(text: string): Facts {
  const match = /^[^A-Za-z]{0,2}(BedrockAPIKey-[\w-]{1,40}?)-at-(\d{12}):/.exec(text);
  return { credential: match?.[1], account_id: match?.[2] };
}

/** A pre-signed URL names the key that signed it, and the region. */
function presigned(text: string): Facts {
  const match = /X-Amz-Credential=((?:AKIA|ASIA)[A-Z2-7]{16})(?:%2F|\/)\d{8}(?:%2F|\/)([a-z0-9-]{5,20})/.exec(text);
  return match === null ? {} : { key_id: match[1], region: match[2], account_id: awsAccount(match[1] ?? "") };
}

/** GitLab: lines `o:{organisation}` and `u:{user}` in base36. */
function routable(text: string): Facts {
  const number = (name: string) => {
    const digits = new RegExp(`(?:^|\\n)${name}:([0-9a-z]{1,12})(?:\\n|$)`).exec(text)?.[1];
    return digits === undefined ? undefined : String(Number.parseInt(digits, 36));
  };
  return { org: number("o"), user_id: number("u"), group_id: number("g"), project_id: number("p") };
}

/** Year A is 2024, month A January. */
function created(year: string, month: string): string {
  return `${2024 + year.charCodeAt(0) - 65}-${String(month.charCodeAt(0) - 64).padStart(2, "0")}`;
}

function defined(facts: Facts): Record<string, string> {
  return Object.fromEntries(Object.entries(facts).flatMap(([name, value]) => (value === undefined || value === "" ? [] : [[name, value]])));
}

/** The account of an AWS key id: base32 of what follows the prefix, the first 6 bytes, bits 7 to 46. */
export function awsAccount(keyId: string): string {
  let bits = 0n;
  for (const character of keyId.slice(4, 14))
    bits = (bits << 5n) | BigInt(Math.max(0, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(character)));
  const six = bits >> 2n;
  return String((six & 0x7fffffffff80n) >> 7n).padStart(12, "0");
}

/** `ref` and `role`: Supabase; `tid` and `appid`: Entra; the others are registered or common. */
const wanted = ["iss", "sub", "azp", "appid", "tid", "client_id", "ref", "role"];

function claims(part: string): Record<string, string> {
  const parsed = jsonObject(Buffer.from(part, "base64url").toString("utf8"));
  const { exp, aud } = parsed;
  return {
    ...strings(parsed, wanted),
    ...defined({
      namespace: textOf(parsed["kubernetes.io/serviceaccount/namespace"]),
      service_account: textOf(parsed["kubernetes.io/serviceaccount/service-account.name"]),
    }),
    ...(typeof aud === "string" ? { aud: aud.slice(0, 300) } : {}),
    ...(typeof exp === "number" && exp > 0 && exp < 1e11 ? { expires: new Date(exp * 1000).toISOString() } : {}),
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value.slice(0, 300) : undefined;
}

function keyFile(text: string): Record<string, string> {
  if (text.length > 65_536) return {};
  return strings(jsonObject(text), ["client_email", "project_id", "private_key_id", "client_id"]);
}

function strings(from: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = from[name];
      return typeof value === "string" && value !== "" ? [[name, value.slice(0, 300)]] : [];
    }),
  );
}

function jsonObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed) ? { ...parsed } : {};
  } catch {
    return {};
  }
}
