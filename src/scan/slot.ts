import type { AgentConfig } from "../agent-config/index.ts";
import type { CompiledDetector, Ruleset } from "../detector/compile.ts";
import { entropy } from "./entropy.ts";
import { issuerOf } from "./issuer.ts";
import type { Match } from "./match.ts";
import { isPlaceholder } from "./placeholder.ts";

/** A literal in a slot whose name says secret is a finding even where no vendor's format is known. */
const rule: CompiledDetector = {
  provider: "agent-config",
  aliases: [],
  patterns: [],
  detector: {
    id: "agent-config-secret",
    name: "Literal secret in agent configuration",
    within: 5,
    boundary: "none",
    entropy: 3,
    checksum: "none",
    confidence: "medium",
    severity: "high",
    subject: [],
    fallback: true,
    without_issuer: true,
    memorable: false,
    over: [],
    revoke: "none: find the issuer by the server and variable named here, revoke the value there, and write a reference instead",
    examples: { match: [], no_match: [] },
  },
};

const secretName =
  /(?:^|[_.-])(?:api_?key|apikey|key|token|secret|password|passwd|pwd|credentials?|authorization|auth|pat)$|(?:api_?key|apikey|token|secret|password)/i;

export function slotMatches(config: AgentConfig, bytes: Uint8Array, ruleset: Ruleset): Match[] {
  return config.slots.flatMap((slot) => {
    if (!["literal", "default_literal", "mixed"].includes(slot.kind) || !(slot.declared ?? secretName.test(slot.name))) return [];
    const secret = Buffer.from(bytes.subarray(slot.byteStart, slot.byteEnd)).toString("latin1");
    const [shortest, leastEntropy] = slot.declared === true ? [6, 2] : [12, 3];
    if (secret.length < shortest || secret.length > 4096 || /\s/.test(secret) || entropy(secret) < leastEntropy || isPlaceholder(secret))
      return [];
    const url = config.servers.find(({ name }) => name === slot.server)?.url ?? "";
    const beside = Buffer.from(bytes.subarray(Math.max(0, slot.byteStart - 160), slot.byteStart)).toString("latin1");
    const provider = /"?provider"?\s?[:=]\s?"?([\w-]{2,40})/i.exec(beside.slice(beside.lastIndexOf("}") + 1))?.[1] ?? "";
    const issuer = issuerOf(secret, `${slot.server ?? provider} {\n${url}\n${slot.variable ?? slot.name}=`, "", ruleset);
    if (issuer === "known" && slot.declared !== true) return [];
    return [
      {
        rule: typeof issuer === "string" ? rule : issuer,
        start: slot.byteStart,
        end: slot.byteEnd,
        secret,
        confidence: "medium",
        checksum: "not-applicable",
        subject: undefined,
        attributes: {},
        candidates: [],
      },
    ];
  });
}
