/** Values that an expression can see: plain data, never a secret. */
export type Scope = { readonly [name: string]: string | number | boolean | undefined | Scope };

/**
 * Evaluates `${{ … }}` of a playbook: dotted names, 'text', true, false, ==, !=, !, &&, || and parentheses. Pure and total:
 * no calls, no environment. Throws a SyntaxError that says what was expected where.
 */
export function evaluate(expression: string, scope: Scope): string | number | boolean | undefined {
  const source = /^\s*\$\{\{([\s\S]*)\}\}\s*$/.exec(expression)?.[1];
  if (source === undefined) throw new SyntaxError(`expected \${{ … }}, got '${expression.slice(0, 80)}'`);
  const tokens = [...source.matchAll(/\s*(?:('(?:[^']*)')|([A-Za-z_][\w.-]*)|(==|!=|&&|\|\||[!()])|(\S))/g)].map((match) =>
    match[0].trim(),
  );
  let at = 0;
  const value = or();
  if (at < tokens.length) throw new SyntaxError(`unexpected '${tokens[at]}' in '${source.trim()}'`);
  return value;

  function or(): ReturnType<typeof evaluate> {
    let left = and();
    while (tokens[at] === "||") {
      at++;
      const right = and();
      left = Boolean(left) || Boolean(right);
    }
    return left;
  }

  function and(): ReturnType<typeof evaluate> {
    let left = comparison();
    while (tokens[at] === "&&") {
      at++;
      const right = comparison();
      left = Boolean(left) && Boolean(right);
    }
    return left;
  }

  function comparison(): ReturnType<typeof evaluate> {
    const left = unary();
    const operator = tokens[at];
    if (operator !== "==" && operator !== "!=") return left;
    at++;
    const right = unary();
    return operator === "==" ? left === right : left !== right;
  }

  function unary(): ReturnType<typeof evaluate> {
    const token = tokens[at++];
    if (token === undefined) throw new SyntaxError(`'${source?.trim()}' ends where a value was expected`);
    if (token === "!") return !unary();
    if (token === "(") {
      const inner = or();
      if (tokens[at++] !== ")") throw new SyntaxError(`expected ) in '${source?.trim()}'`);
      return inner;
    }
    if (token.startsWith("'")) return token.slice(1, -1);
    if (token === "true" || token === "false") return token === "true";
    if (!/^[A-Za-z_]/.test(token)) throw new SyntaxError(`expected a name or 'text', got '${token}'`);
    return lookUp(token);
  }

  function lookUp(name: string): ReturnType<typeof evaluate> {
    let value: Scope[string] = scope;
    for (const part of name.split(".")) {
      if (typeof value !== "object" || !Object.hasOwn(value, part))
        throw new SyntaxError(`unknown name '${name}'; known here: ${Object.keys(scope).join(", ")}`);
      value = value[part];
    }
    if (typeof value === "object") throw new SyntaxError(`'${name}' is not a single value`);
    return value;
  }
}

/** The dotted names that the expressions in a text use. */
export function namesIn(text: string): string[] {
  return [...text.matchAll(/\$\{\{([\s\S]*?)\}\}/g)].flatMap(([, inner = ""]) =>
    [...inner.replace(/'[^']*'/g, "").matchAll(/[A-Za-z_][\w.-]*/g)].map(([name]) => name),
  );
}

/** A text with `${{ … }}` in it, each replaced by what it gives, through `quote`. Throws like `evaluate`. */
export function fill(text: string, scope: Scope, quote: (value: string) => string = (value) => value): string {
  return text.replace(/\$\{\{[\s\S]*?\}\}/g, (part) => quote(String(evaluate(part, scope) ?? "")));
}
