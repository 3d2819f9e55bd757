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

/**
 * Why this credential was made to be stolen, as a sentence; undefined where nothing says so. Such a value is never sent anywhere: its
 * use is the alarm. Any declared honeytoken that the finding could be counts, since the doubt costs no more than one answer.
 */
export function honeytokenOf(
  finding: Pick<Finding, "detector" | "attributes" | "identities" | "fingerprint" | "committed">,
  declared: DeclaredIdentities | undefined,
): string | undefined {
  const { account_id: account, host } = finding.attributes;
  if (account !== undefined && canaryAccounts.includes(account))
    return `The AWS account ${account} belongs to a maker of canary tokens: whoever uses this key raises an alarm.`;
  if (host !== undefined && canaryHosts.some((canary) => below(host, canary)))
    return `${host} is a server of canary tokens: whoever comes there raises an alarm.`;
  const own = declared?.honeytokens.find(
    (token) =>
      ("fingerprint" in token && (token.fingerprint === finding.fingerprint || token.fingerprint === finding.committed)) ||
      ("aws_account" in token && token.aws_account === account) ||
      ("host" in token && host !== undefined && below(host, token.host)),
  );
  if (own !== undefined) return `${declared?.path} declares it as a honeytoken: whoever uses it raises an alarm.`;
  const bait = finding.identities.find(({ id, name }) =>
    declared?.identities.some(
      (entry) =>
        (entry.id === id || entry.name === name) &&
        entry.credentials.some(({ detector, honeytoken }) => detector === finding.detector && honeytoken === true),
    ),
  );
  return bait === undefined ? undefined : `${declared?.path} declares a honeytoken of ${bait.kind} ${bait.name}, which this may be.`;
}

function below(host: string, domain: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, "");
  return name === domain.toLowerCase() || name.endsWith(`.${domain.toLowerCase()}`);
}

/** Whether a finding whose identities were looked up is bait, or may be. */
export function isBait({ evidence }: Pick<Finding, "evidence">): boolean {
  return evidence.some(({ method }) => method === "honeytoken");
}
