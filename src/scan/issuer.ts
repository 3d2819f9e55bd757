import type { CompiledDetector, Ruleset } from "../detector/compile.ts";
import { opensBehindFirst, providersOpening, vendors } from "../detector/vendors.ts";

/**
 * What the text around a value says of its issuer: a detector whose format it has; `known` where a vendor is named, or begins its
 * values so, and this value has none of that vendor's formats (a mistyped, cut or made-up one); `unknown` otherwise.
 */
export type Issuer = CompiledDetector | "known" | "unknown";

/**
 * `before` and `after` are some hundred characters on both sides of the value. `byOpening`: how the value begins says something too; not
 * where several vendors share the beginning and the question is which of them it is.
 */
export function issuerOf(value: string, before: string, after: string, ruleset: Ruleset, byOpening = true): Issuer {
  const { words } = vendors(ruleset);
  const above = before.split(newline);
  let line = above.pop() ?? "";
  // - name: NAME, <key>NAME</key> or NAME: |, and the value on a line of its own
  if (/^\s*(?:-?\s*["']?value["']?\s*[:=]|<string>$|$)/i.test(line))
    line = `${(above.pop() ?? "").replace(/<\/key>\s*$|[>|][+-]?\s*$/, "")}=`;
  const [rest = "", ...below] = after.split(newline);
  const openers = above.slice(-4).filter((text) => /(?:[{([:\]\\]["']?|\bdo(?:\s\|\w+\|)?)\s*$/.test(text));
  const hosts = [...above.slice(-4), line, rest, ...below.slice(0, 3)].flatMap(
    (text) => text.match(/(?<=:\/\/|\bhost["']?\s?[:=]\s?["']?)[\w.-]+/gi) ?? [],
  );
  const settings = [...above.slice(-4), line, rest].flatMap((text) => [...text.matchAll(issuerSetting)].map(([, value = ""]) => value));
  const named = [
    ...wordsOf(name(line), words, true),
    ...wordsOf(phrase(line), words, true).filter((word) => !plain.has(word)),
    ...wordsOf([...openers, ...hosts, ...settings].join("\n"), words, true),
    ...wordsOf(/^\s*(?:\$\s)?([\w-]+)\s(?:\S{1,40}\s){0,4}--?[\w-]+[ =]["']?$/.exec(line)?.[1] ?? "", words, true),
    ...wordsOf(`${line}\n${rest}`, words, false),
  ];
  for (const word of named) {
    const fitting = words.get(word)?.find(({ whole }) => whole.test(value));
    // what begins as another format of the same vendor is that one, mistyped
    if (fitting !== undefined)
      return fitting.led || providersOpening(value, ruleset, 4)?.has(fitting.rule.provider) !== true ? fitting.rule : "known";
  }
  if (named.length > 0) return "known";
  for (const word of wordsOf(above.filter((text) => importLine.test(text)).join("\n"), words, true)) {
    const fitting = words.get(word)?.find(({ whole }) => whole.test(value));
    if (fitting !== undefined) return fitting.rule;
  }
  if (!byOpening) return "unknown";
  if (providersOpening(value, ruleset) !== undefined) return "known";
  return opensBehindFirst(value, ruleset) ? "known" : "unknown";
}

/** Words that stand in any sentence, in front of any key. */
const plain = new Set(
  "here close line front box render scale together stream segment loops hex wit generic readme exa vault docker github google".split(" "),
);

/** Words of everyday language: a vendor only as a part of the name that holds the value, not anywhere in the line. */
const everyday = new Set(
  "alchemy amplitude arcade arize asana azure azureapi aws beamer box brave browser canva checkout chroma civo clerk close codacy cohere comet composio convex courier coze cursor cypress defined deno devin dify docker doppler drone duo elastic exa expo fal fastly figma fly front galileo gamma generic ghost github gitlab google groq harness here hex hume hyperbolic ideogram imagekit infura intercom iterable jenkins jina kagi keycloak kling kubernetes lark lepton letta leonardo lightning line linear linkup lob loops luma mapbox mastra mercury meta miro mistral modal monday moralis mux mysql nats neon nomic notion novita npm nuget okta ollama ory paddle particle persona phoenix pinecone polar portkey postgresql postman prefect pusher quay rails railway ramp readme redis reka relevance render replicate resemble resend rollbar runway salad scale segment smithery snowflake sonar speech splunk spotify square steel stream stripe suno surge synthesia tableau telegram terraform together translator travis trello trigger twitch typeform vapi vast vault vellum vercel voyage webex webflow wit wiz workato writer xata you zapier zep zoom django laravel airflow cargo hexpm pypi sidekiq openshift vmware x vk totp private-key".split(
    " ",
  ),
);

/** What a program imports may be the vendor's SDK; or of many others, so that it only counts for a value of the vendor's format. */
const importLine = /^\s*(?:from|import|use|require|using|const .{1,60}=\s*require)\b/;

/** A setting that says whose the values beside it are: `provider: cohere`, `"model": "mistral/large"`. */
const issuerSetting =
  /(?<![\w-])(?:provider|vendor|service|svc|integration|source|platform|model|uses)["']?\s?[:=]\s?["']?([\w./@-]{2,60})/gi;

/** In a JSON string, a log or a transcript the end of a line is written out. */
const newline = /\r?\n|\\+n/;

const operator = /["'`\s:=>(,\\\])]{1,12}(?:(?:bearer|token|basic)\s+)?$/i;

/** The name that the value is assigned to, with what it is joined to: the end of the line without the operator. */
function name(line: string): string {
  return /[\w.[\]-]{0,60}$/.exec(line.slice(-90).replace(operator, ""))?.[0] ?? "";
}

/** That name with the words before it: `my Writer api key`, `linkup.Client(api_key`. */
function phrase(line: string): string {
  return /(?:[\w.[\]-]{1,40}[ ({]{1,4}){0,3}[\w.[\]-]{0,60}$/.exec(line.slice(-160).replace(operator, ""))?.[0] ?? "";
}

/** The vendors' words in a text, longest first. Camel case and separators divide words, which may be written together or not. */
function wordsOf(text: string, words: ReadonlyMap<string, unknown>, all: boolean): string[] {
  const pieces = (text.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g) ?? []).map((piece) => piece.toLowerCase());
  const found = new Set<string>();
  for (let at = 0; at < pieces.length; at++) {
    let joined = "";
    for (let count = 0; count < 4 && at + count < pieces.length; count++) {
      joined += pieces[at + count];
      for (const word of [joined, joined.replace(/(?:ai|api|io|app|hq|cloud|labs|hub)$/, "")])
        if (words.has(word) && (all || !everyday.has(word))) found.add(word);
    }
  }
  return [...found].toSorted((a, b) => b.length - a.length);
}
