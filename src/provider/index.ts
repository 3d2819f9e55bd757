import type { Driver } from "../driver.ts";
import { anthropic } from "./anthropic.ts";
import { awsIam } from "./aws-iam.ts";
import { azureAi } from "./azure-ai.ts";
import { bedrock } from "./bedrock.ts";
import { cloudflare } from "./cloudflare.ts";
import { databricks } from "./databricks.ts";
import { elevenlabs } from "./elevenlabs.ts";
import { entra } from "./entra.ts";
import { github } from "./github.ts";
import { githubDeployKey } from "./github-deploy-key.ts";
import { gitlab } from "./gitlab.ts";
import { googleApiKey } from "./google-api-key.ts";
import { googleServiceAccount } from "./google-service-account.ts";
import { huggingface } from "./huggingface.ts";
import { langfuse } from "./langfuse.ts";
import { langsmith } from "./langsmith.ts";
import { litellm } from "./litellm.ts";
import { mysql } from "./mysql.ts";
import { npm } from "./npm.ts";
import { openai } from "./openai.ts";
import { openaiAdmin } from "./openai-admin.ts";
import { openrouter } from "./openrouter.ts";
import { pinecone } from "./pinecone.ts";
import { portkey } from "./portkey.ts";
import { postgresql } from "./postgresql.ts";
import { redis } from "./redis.ts";
import { slack } from "./slack.ts";
import { sshKey } from "./ssh-key.ts";
import { vaultToken } from "./vault-token.ts";

/** Every provider; a new one is one file and one line here. */
export const drivers: readonly Driver[] = [
  anthropic,
  awsIam,
  azureAi,
  bedrock,
  cloudflare,
  databricks,
  elevenlabs,
  entra,
  github,
  githubDeployKey,
  gitlab,
  googleApiKey,
  googleServiceAccount,
  huggingface,
  langfuse,
  langsmith,
  litellm,
  mysql,
  npm,
  openai,
  openaiAdmin,
  openrouter,
  pinecone,
  portkey,
  postgresql,
  redis,
  slack,
  sshKey,
  vaultToken,
];

/** The driver that serves a detector's credentials; undefined = no API, a manual step. */
export function driverFor(detector: string): Driver | undefined {
  return drivers.find(({ manifest }) => manifest.onlyIfNamed !== true && manifest.detectors.includes(detector));
}
