/** Makes sure that linear memory reaches up to `end`. The host looks at its buffer again after every call. */
export function ensure(end: usize): void {
  const missing = <i32>((end + 0xffff) >>> 16) - memory.size();
  if (missing > 0 && memory.grow(max(missing, 16)) < 0) unreachable();
}
