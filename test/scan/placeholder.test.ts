import { describe, expect, test } from "vitest";
import { expandTemplate, seededRandom } from "../../src/detector/template.ts";
import { isIdentifier, isPlaceholder } from "../../src/scan/placeholder.ts";

describe("a placeholder", () => {
  test.each([
    "your-api-key-goes-here",
    "YOUR_API_KEY",
    "sk-xxxxxxxxxxxxxxxxxxxx",
    "changeme",
    "password",
    "postgres",
    "hunter_example",
    "REPLACE_ME_WITH_A_KEY",
    "$" + "{API_KEY}",
    "{{ api_key }}",
    "<api-key>",
    "****************",
    "aaaaaaaaaaaaaaaaaaaa",
    "abcdefghijklmnopqrst",
    "0123456789",
    "secret_key",
  ])("is recognised: %s", (text) => expect(isPlaceholder(text)).toBe(true));

  test("is hardly ever what a random value looks like", () => {
    const random = seededRandom("placeholder");
    const values = [
      "{alnum:32}",
      "{hex:40}",
      "{b64url:93}",
      "{uuid}",
      "{lowernum:32}",
      "{uppernum:26}",
      "AGE-SECRET-KEY-1{BECH32:58}",
    ].flatMap((template) => Array.from({ length: 200 }, () => expandTemplate(template, random)));
    expect(values.filter(isPlaceholder)).toEqual([]);
  });
});

describe("an identifier", () => {
  test.each([
    "loadKeyFromVault",
    "chroma_cloud_api_key",
    "MAX_KEY_BYTES_V2",
    "configService",
    "/properties/AuthConfig",
    "auth.tokens.current",
    "sa_password",
    "db2-api-key",
  ])("is recognised: %s", (text) => expect(isIdentifier(text)).toBe(true));

  test("is hardly ever what a random value looks like", () => {
    const random = seededRandom("identifier");
    const values = ["{alnum:32}", "{b64url:40}", "{base62:24}", "{hex:32}"].flatMap((template) =>
      Array.from({ length: 200 }, () => expandTemplate(template, random)),
    );
    expect(values.filter(isIdentifier)).toEqual([]);
  });
});
