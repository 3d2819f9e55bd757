import { randomBytes } from "node:crypto";

/** A key of OpenRouter's format that no provider knows. */
export function openRouterKey(): string {
  return `sk-or-v1-${randomBytes(32).toString("hex")}`;
}
