import type { Playbook } from "./schema.ts";

const kept = /^(credential\/recover|[a-z-]+\/revoke|proof\/dead)@\d+$/;

/**
 * The playbook of a type without its replacement, for a denied access: it ends the credential and proves it dead; nothing new is made or
 * stored. Undefined where the type has no step that ends a credential alone (a roll ends one by making another).
 */
export function withdrawal(playbook: Playbook): Playbook | undefined {
  const steps = playbook.steps.filter(({ uses }) => kept.test(uses)).map(({ if: _, ...step }) => step);
  if (!steps.some(({ uses }) => uses.includes("/revoke@"))) return undefined;
  return { ...playbook, name: `${playbook.name}-withdraw`.slice(0, 60), policy: { modes: ["revoke-first"] }, steps };
}
