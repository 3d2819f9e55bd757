/** One file of an archive; `problem` says why it has no bytes. */
export type Member =
  | { readonly name: string; readonly bytes: Buffer; readonly problem?: undefined }
  | { readonly name: string; readonly bytes?: undefined; readonly problem: string };

/** The archive (or what is left of it) cannot be read: the message goes on from "archive …". */
export class UnreadableError extends Error {
  override name = "UnreadableError";
}

/** A member's name as a label: `/` separated, neither absolute nor leading upwards. */
export function memberName(raw: string): string {
  const parts = raw.replaceAll("\\", "/").split("/");
  return parts.filter((part) => part !== "" && part !== "." && part !== "..").join("/") || "unnamed";
}
