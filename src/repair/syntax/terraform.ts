import { lineEnd, lineStart, newlineOf, type Syntax } from "../syntax.ts";

/** A sensitive input variable: https://developer.hashicorp.com/terraform/language/values/variables. */
export const terraform: Syntax = {
  takes: ({ path }) => /\.(?:tf|tfvars)$/.test(path),
  rewrite({ path, text, start, end, variable }) {
    const from = lineStart(text, start);
    const line = text.slice(from, lineEnd(text, start));
    if (/^\s*(?:#|\/\/)/.test(line)) return { none: "the value stands in a comment; delete it there" };
    if (path.endsWith(".tfvars")) return inVariables(text, start, end, line);
    if (insideBackend(text.slice(0, start)))
      return { none: "a backend takes no variables: give the value by -backend-config, or by the backend's own environment variables" };
    const name = variable.toLowerCase();
    if (new RegExp(`^variable[ \\t]+"${name}"`, "m").test(text) && /\bdefault\s*=\s*"?$/.test(text.slice(from, start)))
      return { none: `it is the default of variable "${name}"; delete the default and set TF_VAR_${name}` };
    if (/\bdefault\s*=\s*"?$/.test(text.slice(from, start)))
      return { none: "it is the default of a variable; delete the default and set TF_VAR_<name> where Terraform runs" };
    const whole = text[start - 1] === '"' && text[end] === '"' && quotes(text.slice(from, start - 1)) % 2 === 0;
    const edit = whole ? { start: start - 1, end: end + 1, text: `var.${name}` } : { start, end, text: `\${var.${name}}` };
    if (!whole && quotes(text.slice(from, start)) % 2 === 0)
      return { none: "the value does not stand in a string of Terraform; use a sensitive variable by hand" };
    const newline = newlineOf(text);
    const declared = new RegExp(`^variable[ \\t]+"${name}"`, "m").test(text);
    const gap = text.endsWith("\n") ? newline : newline + newline;
    const block = ["", `variable "${name}" {`, "  type      = string", "  sensitive = true", "}", ""].join(newline).slice(newline.length);
    return {
      edits: [edit, ...(declared ? [] : [{ start: text.length, end: text.length, text: gap + block }])],
      reference: `var.${name}`,
      name,
      next: [
        `Give Terraform the new value as TF_VAR_${name}, or read it from your secret manager with a data source. It also stands in the state.`,
      ],
    };
  },
};

function insideBackend(before: string): boolean {
  const open = before.lastIndexOf('backend "');
  if (open === -1) return false;
  const rest = before.slice(open);
  return (rest.match(/\{/g)?.length ?? 0) > (rest.match(/\}/g)?.length ?? 0);
}

function quotes(before: string): number {
  return before.match(/(?<!\\)"/g)?.length ?? 0;
}

function inVariables(text: string, start: number, end: number, line: string): ReturnType<Syntax["rewrite"]> {
  const name = /^\s*([A-Za-z_][\w-]{0,99})\s*=\s*"[^"]*"\s*$/.exec(line)?.[1];
  if (name === undefined || text[start - 1] !== '"' || text[end] !== '"')
    return { none: "delete the value from this file and set TF_VAR_<name> where Terraform runs" };
  const from = lineStart(text, start);
  return {
    edits: [{ start: from, end: lineEnd(text, start), text: `# ${name}: set TF_VAR_${name} where Terraform runs` }],
    reference: `TF_VAR_${name}`,
    name: `TF_VAR_${name}`,
    next: [`Give Terraform the new value as TF_VAR_${name}.`],
  };
}
