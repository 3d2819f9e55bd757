/** Whether a blob only points to a file that Git LFS holds (git-lfs docs/spec.md): its content is not in the repository. */
export function isLfsPointer(bytes: Buffer): boolean {
  return bytes.length < 1024 && bytes.toString("latin1", 0, 43) === "version https://git-lfs.github.com/spec/v1\n";
}
