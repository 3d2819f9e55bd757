import type { DriverContext, RightCheck } from "../driver.ts";
import { connectVault } from "./vault.ts";

/** Asks Vault itself what this token may do (`sys/capabilities-self`), which changes nothing. A right is `path: capability, …`. */
export async function checkVaultRights(context: DriverContext, rights: readonly string[]): Promise<RightCheck[]> {
  const client = connectVault({ ...context, token: context.credential });
  const checks: RightCheck[] = [];
  for (const right of rights) {
    const [pattern = "", capabilities = ""] = right.split(": ");
    const path = pattern.replaceAll("<mount>", context.mounts?.[0] ?? "secret").replaceAll("*", "rekey-check");
    const answer = await client.write("sys/capabilities-self", { paths: [path] }, { safe: true });
    const body = typeof answer.body === "object" && answer.body !== null && "data" in answer.body ? answer.body.data : undefined;
    const given = typeof body === "object" && body !== null && path in body ? (body as Record<string, unknown>)[path] : undefined;
    if (answer.code !== "ok" || !Array.isArray(given)) checks.push({ right, state: "unknown" });
    else if (given.includes("root")) checks.push({ right, state: "broad" });
    else checks.push({ right, state: capabilities.split(", ").every((wanted) => given.includes(wanted)) ? "allowed" : "missing" });
  }
  return checks;
}
