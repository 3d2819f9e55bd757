/** Words that people put where a secret will stand. Long enough that a random value hardly ever holds one. */
const words =
  /example|placeholder|your[_-]|[_-]your|your(?:api|key|token|secret)|changeme|change[_-]me|dummy|redacted|replace|insert[_-]|xxxx|\*\*\*\*|\.\.\.|…|process\.env\.|os\.(?:environ|getenv)|import\.meta\.env|^(?:env|secrets|vars|var)\.\w|_here\b|-here\b|<[a-z]|^\[|\]$|\$\{|\{\{|sample|foobar|fake[_-]|[_-]fake|testtest|deadbeef|abcdefgh|12345678|01234567|0000000|^secret[_-]?key$|password123|^eyJ\w+\.eyJzdWIiOiIxMjM0NTY3ODkwIiwi/i;

/** Names of algorithms and encodings, which a sentence or a setting gives where it could give a password. */
const algorithms =
  /^(?:base(?:64|32|16|58)(?:url)?|sha-?\d+|md5|utf-?(?:8|16)|bcrypt|scrypt|argon2\w{0,2}|pbkdf2|aes-?\d*(?:-\w+)*|x\.?509|oauth2?|http2?|ipv[46]|p(?:ost)?gres(?:ql)?\d*)[.,;]?$/i;

/** What tutorials and containers ship: everybody knows it, so it protects nothing and is no secret. */
const defaults =
  /^(?:my|the|some|super|very|secure|strong|new|old|temp|demo|test|bot|db|root|admin|user|postgres|mysql|redis|mongo)*[-_]?(?:pass(?:word|wd)?|pwd|secret|secure|postgres|mysql|root|admin|user|test|guest|redis|mongo|db|bot|token|key)[-_]?\d{0,4}$/i;

/** Whether a value only stands for one: words, a repetition, a plain sequence. */
export function isPlaceholder(secret: string): boolean {
  return (
    words.test(secret) ||
    algorithms.test(secret) ||
    defaults.test(secret) ||
    spoken.test(secret) ||
    mostlyOneCharacter(secret) ||
    isSequence(secret)
  );
}

/** Words about secrets and nothing else, behind a short prefix at most: `your_secret_key_goes_here`, `(hidden)`. */
const spoken =
  /^(?:[a-z]{2,6}[_-])?(?:(?:your|my|the|a|an|our|some|put|add|enter|paste|use|set|insert|here|goes|this|that|is|in|of|to|for|not|real|secret|api|key|token|password|pass|access|auth|service|client|user|value|test|prod|random|super|very|long|hidden|private|string)(?:[_ -]+|$)){2,}$|^[([<{](?:hidden|redacted|masked|secret|removed|password|token|key)[)\]>}]$/i;

/** Whether base64 says nothing but a placeholder. */
export function encodesPlaceholder(text: string): boolean {
  if (!/^[A-Za-z0-9+/]{16,}={0,2}$/.test(text)) return false;
  const said = Buffer.from(text, "base64").toString("latin1");
  return /^[\x20-\x7e\s]{10,}$/.test(said) && isPlaceholder(said.trim());
}

function mostlyOneCharacter(text: string): boolean {
  const counts = new Map<string, number>();
  for (const character of text.toLowerCase()) counts.set(character, (counts.get(character) ?? 0) + 1);
  return Math.max(...counts.values()) > Math.max(4, text.length * 0.5);
}

function isSequence(text: string): boolean {
  let steps = 0;
  for (let at = 1; at < text.length; at++) if (Math.abs(text.charCodeAt(at) - text.charCodeAt(at - 1)) === 1) steps++;
  return text.length > 5 && steps > text.length * 0.6;
}

/**
 * Whether a value reads as a name in a program (`loadKeyFromVault`, `chroma_cloud_api_key`, `MAX_KEY_BYTES_V2`): a constant, or
 * letters in words, most of them of three letters or more. A random value changes case every other letter, and nearly always
 * has a digit.
 */
export function isIdentifier(text: string): boolean {
  if (/^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/.test(text)) return true;
  const pieces = text.split(/[_.:/-]+/);
  if (pieces.length > 1 && pieces.some((piece) => keyLike.test(piece)) && pieces.every((piece) => /^[A-Za-z]*\d?[A-Za-z]*\d?$/.test(piece)))
    return true;
  if (!/^[_.:/-]*[A-Za-z]+(?:\d{1,2}[A-Za-z]+)*\d{0,2}(?:[_.:/-]+[A-Za-z]+(?:\d{1,2}[A-Za-z]+)*\d{0,2})*$/.test(text)) return false;
  const words = text.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g) ?? [];
  const long = words.filter(
    (word) => word.length >= 3 || /^(?:[aov]|to|of|by|in|is|on|at|or|id|as|my|no|up|if|do|db|io|ui|os|ip)$/i.test(word),
  );
  if (long.length < words.length * 0.8) return false;
  const digits = text.replace(/\D/g, "").length;
  if (digits === 0 || /^[A-Za-z]+\d?(?:[_.:/-]+[A-Za-z]+\d?)+$/.test(text)) return true;
  const spoken = long.filter((word) => /[aeiouy]/i.test(word));
  return digits <= words.length * 0.5 && spoken.length >= words.length * 0.75 && text.length >= words.length * 4;
}

const keyLike = /^(?:api|key|token|secret|password|passwd|pwd|auth)$/i;
