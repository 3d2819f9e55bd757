export { applyDelta, patchedSize } from "./delta";
export { inflate } from "./inflate";
export { hashRuns, setKeys } from "./runs";
export { keyBefore, widen } from "./windows";

/** The first place that this code does not use itself. */
export function firstFree(): usize {
  return __heap_base;
}
