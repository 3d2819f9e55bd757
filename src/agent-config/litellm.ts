import { type Client, secretsAt } from "./client.ts";
import { dollarBraces, osEnviron } from "./slot/grammar.ts";

const parameters = ["api_key", "azure_ad_token", "aws_access_key_id", "aws_secret_access_key", "aws_session_token", "vertex_credentials"];

/** BerriAI/litellm docs: `os.environ/X` as the whole value, `${X}` in callbacks; `litellm_credential_name` is a name of its own. */
export const liteLlm: Client = {
  id: "litellm",
  agent: "LiteLLM proxy",
  kind: "model-endpoint",
  surfaces: [
    {
      paths: ["**/*litellm*.{yaml,yml}", "**/config.{yaml,yml}", "**/proxy_config.{yaml,yml}", "**/*litellm*/**/*.{yaml,yml}"],
      grammar: [osEnviron, dollarBraces],
      onlyWith: ["model_list", "litellm_settings"],
      servers: ["/mcp_servers/*"],
      slots: [
        ...secretsAt(...parameters.map((name) => `/model_list/*/litellm_params/${name}`)),
        ...secretsAt(
          "/credential_list/*/credential_values/*",
          "/general_settings/master_key",
          "/router_settings/redis_password",
          "/guardrails/*/litellm_params/api_key",
        ),
        { at: "/model_list/*/litellm_params/extra_headers/*", as: "header" },
        { at: "/model_list/*/litellm_params/api_base", as: "url" },
        { at: "/general_settings/database_url", as: "url" },
        { at: "/environment_variables/*", as: "variable" },
      ],
    },
  ],
};
