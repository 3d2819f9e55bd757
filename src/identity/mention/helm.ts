import { basename } from "./path.ts";

/** Whether a path is a template of a Helm chart: never rendered here, only read as far as it is plain. */
export function isHelmTemplate(path: string): boolean {
  return /(?:^|\/)templates\/.{1,200}\.ya?ml$/.test(path);
}

/** `values.yaml`, `values-prod.yaml`. */
export function isHelmValues(path: string): boolean {
  return /^values(?:[.-][\w-]{1,60})?\.ya?ml$/.test(basename(path));
}

/** Stands for what a template action would print; of the length of the action, so that places stay. */
const open = "\u25a1";

/** Whether a name holds what only rendering would tell. */
export function isOpen(name: string): boolean {
  return name.includes(open);
}

/** The text without template actions, at the same places: blank where an action is alone on its line, else filled. */
export function withoutActions(text: string): string {
  return text
    .replace(/^[ \t]*\{\{[^\n{]{0,2000}?\}\}[ \t]*$/gm, (line) => " ".repeat(line.length))
    .replace(/\{\{[^\n{]{0,2000}?\}\}/g, (action) => open.repeat(action.length));
}
