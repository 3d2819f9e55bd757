import type { Finding } from "../finding.ts";
import type { DeclaredIdentities } from "./declared.ts";

/**
 * Accounts in which a maker of canary tokens issues its AWS keys. The account is decoded from the key id, so that nothing is called.
 * Sources: key ids that were published (https://onappsec.com/tag/canary-token/, October 2022) and an account that was
 * (0xCardinal/covert-canary-detection, tokens/aws_keys.md, November 2026). Others are declared under `honeytokens`.
 */
const canaryAccounts: readonly string[] = ["595918472158", "992382622183"];

/** Servers of canary tokens: a database, a cluster or a page that exists only to see who comes. */
const canaryHosts: readonly string[] = ["canarytokens.com", "canarytokens.org", "canarytokens.net", "canary.tools"];

export interface Bait {
  /** Why, as a sentence. */
  readonly text: string;
  /** False where it only could be one: a credential of the type of which an identity has a honeytoken. */
  readonly sure: boolean;
}

/** Whether this credential was made to be stolen. Such a value is never sent anywhere: its use is the alarm. */
export function honeytokenOf(
  finding: Pick<Finding, "detector" | "attributes" | "identities" | "fingerprint" | "committed">,
  declared: DeclaredIdentities | undefined,
): Bait | undefined {
  const { account_id: account, host } = finding.attributes;
  const sure = (text: string): Bait => ({ text, sure: true });
  if (account !== undefined && canaryAccounts.includes(account))
    return sure(`The AWS account ${account} belongs to a maker of canary tokens: whoever uses this key raises an alarm.`);
  if (host !== undefined && canaryHosts.some((canary) => below(host, canary)))
    return sure(`${host} is a server of canary tokens: whoever comes there raises an alarm.`);
  const own = declared?.honeytokens.some(
    (token) =>
      ("fingerprint" in token && (token.fingerprint === finding.fingerprint || token.fingerprint === finding.committed)) ||
      ("aws_account" in token && token.aws_account === account) ||
      ("host" in token && host !== undefined && below(host, token.host)),
  );
  if (own === true) return sure(`${declared?.path} declares it as a honeytoken: whoever uses it raises an alarm.`);
  const baited = declared?.identities.filter(({ credentials }) =>
    credentials.some(({ detector, honeytoken }) => detector === finding.detector && honeytoken === true),
  );
  const bait = finding.identities.find(({ id, name }) => baited?.some((entry) => entry.id === id || entry.name === name));
  if (bait === undefined) return undefined;
  if (bait.grade === "confirmed" || bait.grade === "strong")
    return sure(`${declared?.path} declares it as a honeytoken of ${bait.kind} ${bait.name}: whoever uses it raises an alarm.`);
  const text = `${declared?.path} declares a honeytoken of this type for ${bait.kind} ${bait.name}, which this may be; list it by its fingerprint under honeytokens to tell them apart.`;
  return { text, sure: false };
}

function below(host: string, domain: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, "");
  return name === domain.toLowerCase() || name.endsWith(`.${domain.toLowerCase()}`);
}

/** Of a finding whose identities were looked up: `sure` = it is bait, `possible` = it may be. */
export function baitOf({ evidence }: Pick<Finding, "evidence">): "sure" | "possible" | undefined {
  const found = evidence.find(({ method }) => method === "honeytoken");
  return found === undefined ? undefined : found.grade === "strong" ? "sure" : "possible";
}
