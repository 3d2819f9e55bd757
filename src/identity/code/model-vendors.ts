/** How programs make a client of one model vendor. Facts of the vendors' own SDK documentation. */
export interface ModelVendor {
  readonly name: string;
  /** Absent where the address is the customer's own. */
  readonly host?: string;
  /** What the SDK reads where no key is given. */
  readonly variable?: string;
  /** Variables by which the environment alone can send the client elsewhere. */
  readonly redirects?: readonly string[];
  /** Constructors and functions as `Call.callee` names them. */
  readonly callees: readonly string[];
  /** The first argument is the key. */
  readonly keyFirst?: true;
}

/** Arguments that hold a key, and those that hold an address, whatever the SDK. */
export const keyArguments = [
  "apiKey",
  "api_key",
  "WithAPIKey",
  "auth",
  "token",
  "accessToken",
  "api_token",
  "openai_api_key",
  "anthropic_api_key",
];
export const addressArguments = [
  "baseURL",
  "base_url",
  "baseUrl",
  "WithBaseURL",
  "endpoint",
  "azure_endpoint",
  "azureEndpoint",
  "host",
  "url",
  "server_url",
];

/** `names` exported by each of `modules`. */
function from(modules: readonly string[], ...names: readonly string[]): string[] {
  return modules.flatMap((module) => names.map((name) => `${module}#${name}`));
}

export const modelVendors: readonly ModelVendor[] = [
  {
    name: "OpenAI",
    host: "api.openai.com",
    variable: "OPENAI_API_KEY",
    redirects: ["OPENAI_BASE_URL", "OPENAI_API_BASE"],
    callees: [
      ...from(["openai"], "default", "OpenAI", "AsyncOpenAI", "default.OpenAI"),
      ...from(["@ai-sdk/openai"], "createOpenAI", "openai"),
      ...from(["@langchain/openai", "langchain_openai"], "ChatOpenAI", "OpenAI", "OpenAIEmbeddings"),
      ...from(["llama_index.llms.openai", "llama_index.embeddings.openai", "@llamaindex/openai"], "OpenAI", "OpenAIEmbedding"),
      ...from(["github.com/openai/openai-go"], "NewClient"),
    ],
  },
  {
    name: "OpenAI",
    host: "api.openai.com",
    keyFirst: true,
    callees: from(["github.com/sashabaranov/go-openai"], "NewClient"),
  },
  {
    name: "Azure OpenAI",
    variable: "AZURE_OPENAI_API_KEY",
    callees: [
      ...from(["openai"], "AzureOpenAI", "AsyncAzureOpenAI"),
      ...from(["@langchain/openai", "langchain_openai"], "AzureChatOpenAI", "AzureOpenAIEmbeddings"),
    ],
  },
  {
    name: "Anthropic",
    host: "api.anthropic.com",
    variable: "ANTHROPIC_API_KEY",
    redirects: ["ANTHROPIC_BASE_URL"],
    callees: [
      ...from(["@anthropic-ai/sdk"], "default", "Anthropic"),
      ...from(["anthropic"], "Anthropic", "AsyncAnthropic"),
      ...from(["@ai-sdk/anthropic"], "createAnthropic", "anthropic"),
      ...from(["@langchain/anthropic", "langchain_anthropic"], "ChatAnthropic"),
      ...from(["llama_index.llms.anthropic"], "Anthropic"),
      ...from(["github.com/anthropics/anthropic-sdk-go"], "NewClient"),
    ],
  },
  {
    name: "Google AI",
    host: "generativelanguage.googleapis.com",
    variable: "GEMINI_API_KEY",
    callees: [
      ...from(["@google/genai"], "GoogleGenAI"),
      ...from(["google"], "genai.Client"),
      ...from(["google.genai"], "Client"),
      ...from(["@langchain/google-genai", "langchain_google_genai"], "ChatGoogleGenerativeAI", "GoogleGenerativeAIEmbeddings"),
    ],
  },
  {
    name: "Google AI",
    host: "generativelanguage.googleapis.com",
    keyFirst: true,
    callees: from(["@google/generative-ai"], "GoogleGenerativeAI"),
  },
  {
    name: "Mistral",
    host: "api.mistral.ai",
    variable: "MISTRAL_API_KEY",
    callees: [
      ...from(["@mistralai/mistralai", "mistralai"], "Mistral"),
      ...from(["@ai-sdk/mistral"], "createMistral", "mistral"),
      ...from(["@langchain/mistralai", "langchain_mistralai"], "ChatMistralAI", "MistralAIEmbeddings"),
    ],
  },
  {
    name: "Cohere",
    host: "api.cohere.com",
    variable: "CO_API_KEY",
    callees: [
      ...from(["cohere-ai"], "CohereClient", "CohereClientV2"),
      ...from(["cohere"], "Client", "ClientV2", "AsyncClient", "AsyncClientV2"),
    ],
  },
  {
    name: "Groq",
    host: "api.groq.com",
    variable: "GROQ_API_KEY",
    callees: [
      ...from(["groq-sdk"], "default", "Groq"),
      ...from(["groq"], "Groq", "AsyncGroq"),
      ...from(["@ai-sdk/groq"], "createGroq", "groq"),
      ...from(["@langchain/groq", "langchain_groq"], "ChatGroq"),
    ],
  },
  {
    name: "Together AI",
    host: "api.together.xyz",
    variable: "TOGETHER_API_KEY",
    callees: [...from(["together-ai"], "default", "Together"), ...from(["together"], "Together", "AsyncTogether")],
  },
  {
    name: "Replicate",
    host: "api.replicate.com",
    variable: "REPLICATE_API_TOKEN",
    callees: [...from(["replicate"], "default", "Client")],
  },
  {
    name: "Hugging Face",
    host: "router.huggingface.co",
    callees: from(["huggingface_hub"], "InferenceClient", "AsyncInferenceClient"),
    variable: "HF_TOKEN",
  },
  {
    name: "Hugging Face",
    host: "router.huggingface.co",
    callees: from(["@huggingface/inference"], "InferenceClient", "HfInference"),
    keyFirst: true,
  },
  {
    name: "OpenRouter",
    host: "openrouter.ai",
    variable: "OPENROUTER_API_KEY",
    callees: from(["@openrouter/sdk", "openrouter"], "OpenRouter"),
  },
  { name: "xAI", host: "api.x.ai", variable: "XAI_API_KEY", callees: from(["@ai-sdk/xai"], "createXai", "xai") },
  {
    name: "DeepSeek",
    host: "api.deepseek.com",
    variable: "DEEPSEEK_API_KEY",
    callees: from(["@ai-sdk/deepseek"], "createDeepSeek", "deepseek"),
  },
];

/** `openai/gpt-4o`, `langgenius/openai/openai` or `lmChatOpenAi` → the vendor's host and variable; undefined for one that we do not know. */
export function vendorOfProvider(provider: string): Pick<ModelVendor, "name" | "host" | "variable"> | undefined {
  const name = providerNames.get(provider.toLowerCase().replace(/[^a-z]/g, ""));
  return name === undefined ? undefined : modelVendors.find((vendor) => vendor.name === name);
}

const providerNames = new Map([
  ["openai", "OpenAI"],
  ["anthropic", "Anthropic"],
  ["claude", "Anthropic"],
  ["gemini", "Google AI"],
  ["googlegemini", "Google AI"],
  ["google", "Google AI"],
  ["mistral", "Mistral"],
  ["mistralai", "Mistral"],
  ["mistralcloud", "Mistral"],
  ["cohere", "Cohere"],
  ["groq", "Groq"],
  ["together", "Together AI"],
  ["togetherai", "Together AI"],
  ["replicate", "Replicate"],
  ["openrouter", "OpenRouter"],
  ["xai", "xAI"],
  ["deepseek", "DeepSeek"],
]);
