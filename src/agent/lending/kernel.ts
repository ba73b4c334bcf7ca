/** What the kernel has to have mended before two processes share a context. */

/** The first Linux that gives each process of a context a doorbell page of its own. */
const SHARED_SINCE = [5, 13] as const;

/** Whether Linux `version` gives each process of a shared context a doorbell page of its own. */
export function isSafeKernel(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return major > SHARED_SINCE[0] || (major === SHARED_SINCE[0] && minor >= SHARED_SINCE[1]);
}
