/** The last part of a `/` separated path. */
export function basename(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** All but the last part; empty for a file at the top. */
export function dirname(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** A relative path as a folder's file says it; undefined where it leaves the repository. */
export function resolved(folder: string, path: string): string | undefined {
  if (path === "" || path.startsWith("/") || path.length > 1000) return undefined;
  const parts: string[] = folder === "" ? [] : folder.split("/");
  for (const part of path.split("/")) {
    if (part === "..") {
      if (parts.pop() === undefined) return undefined;
    } else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.join("/");
}
