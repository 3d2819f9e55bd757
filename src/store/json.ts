/**
 * Text for a jsonb column. PostgreSQL's jsonb refuses NUL and lone surrogates, which a stranger's file name can hold:
 * both become U+FFFD.
 */
export function json(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === "string" ? storable(part) : part));
}

/** The same for a text column or an event. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\uFFFD");
}
