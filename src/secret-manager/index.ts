import { type Sink, sinkConnection } from "../driver.ts";
import { awsSecretsManager } from "./aws-secrets-manager.ts";
import { externalSecrets } from "./external-secrets.ts";
import { githubSecrets } from "./github-secrets.ts";
import { kubernetes } from "./kubernetes.ts";
import { vault } from "./vault.ts";
import { vaultKv1 } from "./vault-kv1.ts";

/** Every secret manager, by the name that stands before the slash in a playbook's `uses: vault/pend@1`. */
export const sinks: Readonly<Record<string, Sink>> = {
  vault,
  "vault-kv1": vaultKv1,
  "aws-secrets-manager": awsSecretsManager,
  "github-secrets": githubSecrets,
  kubernetes,
  "external-secrets": externalSecrets,
};

/** The sink of a connection's `type` in rekey.yml; undefined for a connection that stores nothing. */
export function sinkFor(connectionType: string): Sink | undefined {
  return Object.values(sinks).find(({ manifest }) => sinkConnection(manifest) === connectionType);
}
