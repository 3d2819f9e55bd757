import { byteOffsets } from "../document.ts";
import { at, textOf } from "./jsonl.ts";
import type { Leaf, TranscriptFormat } from "./leaf.ts";
import { type JsonString, jsonStrings } from "./strings.ts";

/** Jupyter notebooks: a cell's source and each of its outputs is one text, whether the file has it as a string or as a list of lines. */
export const notebook: TranscriptFormat = {
  id: "notebook",
  takes: (path) => /\.ipynb$/i.test(path),
  read(text) {
    const parsed = jsonStrings(text);
    return {
      leaves: { [Symbol.iterator]: () => cells(parsed?.strings ?? [], parsed?.value, text) },
      unparsed: () => (parsed === undefined ? 1 : 0),
    };
  },
};

function* cells(strings: readonly JsonString[], value: unknown, text: string): Generator<Leaf> {
  const offset = byteOffsets(text);
  for (let first = 0; first < strings.length; ) {
    const path = strings[first]?.path ?? [];
    const whole = /^\d+$/.test(path.at(-1) ?? "") ? path.slice(0, -1) : path;
    let last = first;
    while (strings[last + 1]?.path.length === path.length && within(strings[last + 1]?.path ?? [], whole)) last++;
    const lines = strings.slice(first, last + 1);
    const [begin, end] = [lines[0]?.start ?? 0, lines.at(-1)?.end ?? 0];
    first = last + 1;
    if (path[0] !== "cells" && path[0] !== "worksheets") continue;
    const joined = lines.map((line) => line.value).join("");
    if (joined === "") continue;
    yield {
      text: joined,
      pointer: `/${whole.map((part) => part.replaceAll("~", "~0").replaceAll("/", "~1")).join("/")}`,
      byteStart: offset(begin),
      byteEnd: offset(end),
      escaped: text.slice(begin, end) !== joined,
      turn: Number(path[1] ?? 0),
      ...(path.includes("outputs")
        ? { role: "tool" as const, tool: textOf(at(value, ["metadata", "kernelspec", "name"])) ?? "kernel" }
        : {}),
    };
  }
}

function within(path: readonly string[], whole: readonly string[]): boolean {
  return path.length > whole.length && whole.every((part, index) => path[index] === part);
}
