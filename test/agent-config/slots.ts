import { readAgentConfig } from "../../src/agent-config/index.ts";

/** One line a slot: `server pointer kind name [variable] <reference> = the bytes that are literal`. */
export function slotLines(path: string, text: string): string[] {
  const config = readAgentConfig(path, text);
  if (config === undefined) return ["no agent config"];
  const bytes = Buffer.from(text);
  return config.slots.map((slot) => {
    const residue = bytes.subarray(slot.byteStart, slot.byteEnd).toString();
    const server = slot.server === undefined ? "" : `${slot.server} `;
    const variable = slot.variable === undefined ? "" : ` [${slot.variable}]`;
    const reference = slot.reference === undefined ? "" : ` <${slot.reference}>`;
    const store = slot.store === undefined ? "" : ` <${slot.store}>`;
    return `${server}${slot.pointer} ${slot.kind} ${slot.name}${variable}${reference}${store} = ${residue}`;
  });
}
