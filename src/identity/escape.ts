/** Text of a stranger for a terminal: no control characters, no direction marks, nothing invisible, one line. */
export function forTerminal(text: string, most = 120): string {
  const clean = text.replace(unprintable, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
  return clean.length > most ? `${clean.slice(0, most - 1)}…` : clean;
}

/** Text of a stranger inside a quoted Mermaid label: entities for all that Mermaid, Markdown or HTML could read. */
export function forMermaid(text: string, most = 80): string {
  return forTerminal(text, most).replace(/[^\p{L}\p{N} .,:/@_=+-]/gu, (character) => `#${character.codePointAt(0) ?? 0};`);
}

const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
