import type { ConfigServer, ConfigSlot, Place, SlotRole, Surface } from "../client.ts";
import { standardServer } from "../client.ts";
import { field, type ListNode, type MapNode, pointerOf, rangeOf, type Selected, select, type TextNode, type Tree } from "../format/tree.ts";
import { classify, classifyName, type Reading } from "./classify.ts";
import { argumentParts, assignmentPart, type Part, urlParts } from "./decompose.ts";
import type { Grammar } from "./grammar.ts";
import { isPlainName, withoutValues } from "./mask.ts";

/** No real file has more; past it the rest is a problem, not work. */
const mostSlots = 5000;

export interface Walked {
  readonly servers: readonly ConfigServer[];
  readonly slots: readonly ConfigSlot[];
  readonly truncated: boolean;
}

/** Where UTF-16 offsets of the text are in bytes and lines. */
export interface Places {
  byteOf(offset: number): number;
  lineOf(offset: number): number;
}

/** The servers and credential slots of one parsed file. */
export function walk(root: Tree, surface: Surface, { client, text, places }: { client: string; text: string; places: Places }): Walked {
  const context: Context = { client, text, places, grammar: surface.grammar };
  const servers = (surface.servers ?? [])
    .flatMap((pattern) => select(root, pattern))
    .flatMap((selected) => serverOf(selected, surface.serverName, context));
  const slots = [
    ...servers.flatMap(({ server, node, path }) =>
      slotsAt(node, surface.server ?? standardServer, path, { ...context, server: server.name }),
    ),
    ...slotsAt(root, surface.slots ?? [], [], context),
  ];
  const seen = new Map(slots.map((slot) => [`${slot.pointer}\0${slot.byteStart}\0${slot.name}`, slot]));
  return {
    servers: servers.map(({ server }) => server).slice(0, mostSlots),
    slots: [...seen.values()].slice(0, mostSlots).toSorted((a, b) => a.byteStart - b.byteStart),
    truncated: seen.size > mostSlots,
  };
}

interface Context {
  readonly client: string;
  readonly text: string;
  readonly places: Places;
  readonly grammar: Grammar;
  readonly server?: string;
}

function serverOf(
  { node, path }: Selected,
  nameField: string | undefined,
  { places }: Context,
): { server: ConfigServer; node: MapNode; path: readonly string[] }[] {
  if (node.kind !== "map") return [];
  const named = nameField === undefined ? undefined : textAt(node, nameField);
  const name = named ?? path.at(-1) ?? "";
  const command = programOf(node);
  const url = hostOf(textAt(node, "url") ?? textAt(node, "httpUrl") ?? textAt(node, "serverUrl") ?? textAt(node, "uri"));
  if (command === undefined && url === undefined && field(node, "env") === undefined && field(node, "headers") === undefined) {
    if (nameField === undefined && !looksLikeServer(node)) return [];
  }
  const server: ConfigServer = {
    name: withoutValues(name.slice(0, 200)),
    pointer: withoutValues(pointerOf(path)),
    startLine: places.lineOf(node.start),
    endLine: places.lineOf(Math.max(node.start, node.end - 1)),
    byteStart: places.byteOf(node.start),
    byteEnd: places.byteOf(node.end),
    ...(command === undefined ? {} : { command }),
    ...(url === undefined ? {} : { url }),
  };
  return [{ server, node, path }];
}

/** An object of some map of servers, even if it has neither a command nor a URL that we know. */
function looksLikeServer(node: MapNode): boolean {
  return node.entries.some(({ key }) =>
    /^(?:command|cmd|args|url|uri|httpUrl|serverUrl|env|envs|environment|headers|http_headers|type|transport)$/.test(key),
  );
}

function textAt(node: Tree, key: string): string | undefined {
  const child = field(node, key);
  return child?.kind === "text" ? child.value : undefined;
}

/** `npx`, `docker`: the first word of the command, without its folder. */
function programOf(node: MapNode): string | undefined {
  const command = field(node, "command") ?? field(node, "cmd");
  const first = command?.kind === "list" ? command.items[0] : command;
  if (first?.kind !== "text") return undefined;
  const program = first.value.trim().split(/\s/)[0]?.split(/[\\/]/).at(-1) ?? "";
  return /^[\w.@+-]{1,64}$/.test(program) ? program : undefined;
}

function hostOf(url: string | undefined): string | undefined {
  const match = /^([a-z][a-z0-9+.-]{0,30}:\/\/)(?:[^/?#]*@)?([\w.:[\]-]{1,253})/i.exec(url ?? "");
  return match === null ? undefined : `${match[1]}${withoutValues(match[2] ?? "")}`;
}

function slotsAt(root: Tree, wanted: readonly Place[], from: readonly string[], context: Context): ConfigSlot[] {
  return wanted.flatMap(({ at, as, named, secret, secretIf }) =>
    select(root, at, from).flatMap(({ node, path }) => {
      const inner = path.slice(from.length);
      if (secretIf !== undefined && !secretIf.some((sign) => siblingText(root, inner, sign.field, context.text) === sign.is)) return [];
      const slots = slotsOf(node, path, as, context);
      const called = named === undefined ? slots : slots.map((slot) => renamed(slot, as, siblingText(root, inner, named, context.text)));
      return secretIf === undefined && secret === undefined ? called : called.map((slot) => ({ ...slot, declared: true as const }));
    }),
  );
}

/** The text of a field beside the last part of a path; of a number or a truth value, as it is written. */
function siblingText(root: Tree, path: readonly string[], named: string, text: string): string | undefined {
  const node = select(root, pointerOf([...path.slice(0, -1), named]))[0]?.node;
  if (node?.kind === "other") return text.slice(node.start, node.end).slice(0, 200);
  return node?.kind === "text" ? node.value.slice(0, 200) : undefined;
}

function renamed(slot: ConfigSlot, role: SlotRole, name: string | undefined): ConfigSlot {
  if (name === undefined || !isPlainName(name)) return slot;
  return role === "variable" ? { ...slot, name, variable: name } : { ...slot, name };
}

function slotsOf(node: Tree, path: readonly string[], role: SlotRole, context: Context): ConfigSlot[] {
  if (node.kind === "list") return ofList(node, path, role, context);
  if (node.kind !== "text") return [];
  const key = path.at(-1) ?? "";
  switch (role) {
    case "variable":
      return [
        toSlot(node, path, { name: key, variable: key }, classified(node, undefined, context.grammar), context),
        ...ofUrl(node, path, context),
      ];
    case "header":
    case "value":
      return [toSlot(node, path, { name: key }, classified(node, undefined, context.grammar), context)];
    case "assignment":
      return assignmentPart(node.value).map((part) => partSlot(node, path, part, context));
    case "url":
      return ofUrl(node, path, context, true);
    case "name":
      return [toSlot(node, path, { name: key }, classifyName(node.value), context)];
    case "entry-name": {
      const { variable: _variable, reference: _reference, ...reading } = classifyName(node.value);
      return [toSlot(node, path, { name: key }, reading, context)];
    }
    case "helper":
      return [
        toSlot(node, path, { name: key, reference: `command:${key}` }, { kind: "reference", start: 0, end: node.value.length }, context),
      ];
    case "arguments":
      return ofArguments([{ node, path }], context);
  }
}

function ofList(node: ListNode, path: readonly string[], role: SlotRole, context: Context): ConfigSlot[] {
  const items = node.items.flatMap((item, index) => (item.kind === "text" ? [{ node: item, path: [...path, String(index)] }] : []));
  if (role === "arguments") return ofArguments(items, context);
  const slots = items.flatMap((item) => slotsOf(item.node, item.path, role, context));
  if (role === "url") return slots;
  // An item of a list has only a number for a key: what the list is called says more.
  return slots.map((slot) => (role === "assignment" && slot.variable === slot.name ? slot : { ...slot, name: path.at(-1) ?? slot.name }));
}

/** Parts of a URL; the URL itself where it holds references outside of these parts, as `url`. */
function ofUrl(node: TextNode, path: readonly string[], context: Context, always = false): ConfigSlot[] {
  const parts = urlParts(node.value);
  const slots = parts.map((part) => partSlot(node, path, part, context));
  const whole = classify(node.value, context.grammar);
  const covered = slots.some((slot) => slot.reference !== undefined);
  if (!always || covered || whole.kind === "literal" || whole.kind === "placeholder") return slots;
  return [...slots, toSlot(node, path, { name: path.at(-1) ?? "url" }, whole, context)];
}

function ofArguments(items: readonly { node: TextNode; path: readonly string[] }[], context: Context): ConfigSlot[] {
  const parts = argumentParts(items.map(({ node }) => node.value));
  return items.flatMap(({ node, path }, index) => {
    const own = parts[index] ?? [];
    if (own.length > 0) return own.map((part) => partSlot(node, path, part, context));
    const whole = classify(node.value, context.grammar);
    const name = path.at(-2) ?? "args";
    return ["reference", "mixed", "default_literal"].includes(whole.kind) ? [toSlot(node, path, { name }, whole, context)] : [];
  });
}

function partSlot(node: TextNode, path: readonly string[], part: Part, context: Context): ConfigSlot {
  const named = { name: part.name, ...(part.variable === undefined ? {} : { variable: part.variable }) };
  if (part.passes === true) {
    return toSlot(node, path, { ...named, reference: part.name }, { kind: "names_only", start: part.start, end: part.end }, context);
  }
  return toSlot(node, path, named, classified(node, part, context.grammar), context);
}

function classified(node: TextNode, part: Part | undefined, grammar: Grammar): Reading {
  if (part === undefined) return classify(node.value, grammar);
  const reading = classify(node.value.slice(part.start, part.end), grammar);
  return { ...reading, start: reading.start + part.start, end: reading.end + part.start };
}

function toSlot(
  node: TextNode,
  path: readonly string[],
  { name, variable, reference }: { name: string; variable?: string; reference?: string },
  reading: Reading & { readonly variable?: string },
  { client, text, places, server }: Context,
): ConfigSlot {
  const range = rangeOf(text, node, reading.start, reading.end);
  const given = reference ?? reading.reference;
  const named = given !== undefined && isPlainName(given) ? given : undefined;
  // A header sets no variable, so what it names is the variable; in `env` the key is.
  const set = [variable, reading.variable].find((one) => one !== undefined && isPlainName(one));
  const about = set ?? (named !== undefined && /^[A-Za-z_]\w*$/.test(named) ? named : undefined);
  return {
    client,
    pointer: withoutValues(pointerOf(path)),
    kind: reading.kind,
    ...(about === undefined ? {} : { variable: about }),
    ...(server === undefined ? {} : { server }),
    name: withoutValues(name.slice(0, 200)),
    ...(named === undefined ? {} : { reference: named }),
    ...(reading.store === undefined || !isPlainName(reading.store) ? {} : { store: reading.store }),
    byteStart: places.byteOf(range.start),
    byteEnd: places.byteOf(range.end),
    line: places.lineOf(range.start),
  };
}
