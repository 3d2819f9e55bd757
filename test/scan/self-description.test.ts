import { expect, test } from "vitest";
import { expandTemplate, seededRandom } from "../../src/detector/template.ts";
import { selfDescription } from "../../src/scan/self-description.ts";

const random = seededRandom("self-description");
const make = (template: string) => expandTemplate(template, random);
const json = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64");
const jwt = (claims: unknown) =>
  `${Buffer.from(JSON.stringify({ alg: "HS256" })).toString("base64url")}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.${make("{b64url:43}")}`;

test.each([
  [
    "a Sentry organisation token",
    `sntrys_${json({ iat: 1, url: "https://s.io", region_url: "https://eu.s.io", org: "acme" })}_${make("{b64:43}")}`,
    { org: "acme", url: "https://s.io", region_url: "https://eu.s.io" },
  ],
  [
    "a Grafana Cloud token",
    `glc_${json({ o: "7", n: "ci", k: make("{alnum:24}"), m: { r: "eu" } })}`,
    { org: "7", token_name: "ci", region: "eu" },
  ],
  ["an old Grafana key", json({ k: make("{alnum:32}"), n: "ci", id: 1 }), { token_name: "ci", org: "1" }],
  [
    "a Bedrock key",
    `ABSK${Buffer.from(`BedrockAPIKey-ab12-at-123456789012:${make("{alnum:40}")}`).toString("base64")}`,
    { credential: "BedrockAPIKey-ab12", account_id: "123456789012" },
  ],
  [
    "a routable GitLab token",
    `glpat-${Buffer.concat([Buffer.from("0123456789abcdef\n"), Buffer.from("o:1\nu:z\n")]).toString("base64url")}.01.${make("{lowernum:9}")}`,
    { org: "1", user_id: "35" },
  ],
  ["a Mapbox token", `sk.${json({ u: "acme", a: "x" }).replace(/=+$/, "")}.${make("{b64url:22}")}`, { user: "acme" }],
  [
    "a Discord bot token",
    `${Buffer.from("123456789012345678").toString("base64url")}.${make("{b64url:6}")}.${make("{b64url:38}")}`,
    { bot_id: "123456789012345678" },
  ],
  ["an Azure key", `${make("{base62:52}")}JQQJ99BC${make("{alnum:14}")}AZMP${make("{base62:4}")}`, { created: "2025-03" }],
  [
    "a Supabase key",
    jwt({ iss: "supabase", ref: "abcdef", role: "service_role" }),
    { iss: "supabase", ref: "abcdef", role: "service_role" },
  ],
  [
    "a Kubernetes token",
    jwt({ "kubernetes.io/serviceaccount/namespace": "prod", "kubernetes.io/serviceaccount/service-account.name": "api" }),
    { namespace: "prod", service_account: "api" },
  ],
])("%s says whose it is", (_, value, facts) => expect(selfDescription(value)).toEqual(facts));

test.each([
  "sntrys_eyJhbroken_x",
  `glc_${json("no object")}`,
  make("ABSK{b64:120}"),
  make("glpat-{b64url:40}.01.{lowernum:9}"),
  make("{alnum:40}"),
])("what says nothing gives nothing", (value) => expect(selfDescription(value)).toEqual({}));
