/**
 * Whether a slot's whole value only stands for one. Narrow on purpose: a finding that overlaps a placeholder may be dropped,
 * so nothing that could hold random characters counts.
 */
export function isPlaceholder(value: string): boolean {
  const text = value.trim();
  if (text.length > 80) return /^[x*.•-]+$/i.test(text);
  return (
    text === "" ||
    words.test(text) ||
    /^[a-z0-9]{0,8}(?:[-_][a-z0-9]{1,8}){0,3}[-_]?(?:x{3,}|\*{3,}|\.{3,}|…|•{3,})$/i.test(text) ||
    /^<[a-z][a-z _-]{0,60}>$/i.test(text) ||
    /^\[[a-z][a-z _-]{0,60}\]$/i.test(text)
  );
}

/** `YOUR_API_KEY`, `sk-your-key-here`, `changeme`: letters and separators only, with a word for what belongs there. */
const words =
  /^(?:[a-z]{2,4}[-_](?:ant[-_]|proj[-_])?)?(?:(?:your|my|insert|enter|replace|add|put|paste|set|some|the)[a-z _-]{0,60}(?:key|token|secret|password|value|here|id|credentials?|this|it)|change[-_ ]?(?:me|it|this)|todo|tbd|none|null|undefined|dummy|placeholder|example|redacted|secret|password|token|api[-_ ]?key|fixme)$/i;
