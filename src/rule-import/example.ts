import { type Shape, setOf } from "../detector/regex-shape.ts";
import { classes, parseTemplate } from "../detector/template.ts";

/** In this order; what is not here makes no good example. */
const preferred = ["alnum", "lowernum", "uppernum", "hex", "HEX", "letters", "lower", "upper", "digits", "b32", "B32", "BECH32", "b58"];
const quiet = "; \"'=:,.-_/\n\t";
/** A longer one is of no use to a reader of the file. */
const longest = 2000;

/**
 * A text that an expression matches, as a template with the secret between « and »: no value, so that a committed file holds nothing
 * that looks like a key. `attempt` picks among alternatives. Undefined where no such text is found.
 */
export function exampleOf(shape: Shape, attempt: number): string | undefined {
  const text = sample(shape, attempt, false);
  return text === undefined || text.length > longest || !text.includes("«") ? undefined : text;
}

function sample(shape: Shape, attempt: number, secret: boolean): string | undefined {
  switch (shape.kind) {
    case "set":
      return run(shape.bytes, 1);
    case "choice":
      return sample(shape.options[attempt % shape.options.length] as Shape, attempt, secret);
    case "sequence": {
      const named = shape.name === "secret";
      const parts = shape.items.map((item) => sample(item, attempt, secret || named));
      if (parts.includes(undefined)) return undefined;
      return named ? `«${parts.join("")}»` : parts.join("");
    }
    case "repeat": {
      // a short value would be too plain for the least entropy
      const count = secret && shape.item.kind === "set" ? Math.max(shape.min, Math.min(shape.max, 32)) : shape.min;
      if (shape.item.kind === "set") return run(shape.item.bytes, count);
      const once = count === 0 ? "" : sample(shape.item, attempt, secret);
      return once === undefined || once.length * count > longest ? undefined : once.repeat(count);
    }
  }
}

/** So many characters of a set: a class of the template language, or one literal character. */
function run(bytes: Uint8Array, count: number): string | undefined {
  const holds = (characters: string) => setOf(characters).every((member, byte) => member === 0 || bytes[byte] === 1);
  const members = [...bytes.keys()].filter((byte) => bytes[byte] === 1 && byte < 128);
  if (count === 0) return "";
  if (new Set(members.map((byte) => String.fromCharCode(byte).toLowerCase())).size === 1)
    return String.fromCharCode(members.at(-1) ?? 0).repeat(count);
  const name = preferred.find((one) => holds(classes[one] ?? ""));
  if (name !== undefined) return `{${name}:${count}}`;
  const literal = [...quiet].find((character) => holds(character)) ?? String.fromCharCode(members.find((byte) => byte > 32) ?? 32);
  return holds(literal) ? literal.repeat(count) : undefined;
}

/** The example one character short, and with a placeholder for its secret: what must not be found, likeliest first. */
export function nearMisses(example: string): string[] {
  const [, before = "", secret = "", after = ""] = /^([\s\S]*)«([\s\S]*)»([\s\S]*)$/.exec(example) ?? [];
  const shorter = secret.replace(/\{(\w+):(\d+)\}(?!.*\{\w+:\d+\})/s, (_, name, count) =>
    Number(count) > 1 ? `{${name}:${Number(count) - 1}}` : "",
  );
  const masked = parseTemplate(secret)
    .map((part) => ("literal" in part ? part.literal : "x".repeat(part.min)))
    .join("");
  return [...(shorter === secret ? [] : [before + shorter + after]), before + masked + after, before + "x".repeat(masked.length) + after];
}
