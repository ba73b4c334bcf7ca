/** Patterns as shells have them for names: * is any characters, ? is one; all else is itself. */

/** Whether a name fits the pattern. */
export function matcherOf(glob: string): (name: string) => boolean {
  const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  const parts = glob.split(/([*?])/).map((part) => (part === '*' ? '.*' : part === '?' ? '.' : literal(part)));
  const pattern = new RegExp(`^${parts.join('')}$`, 'su');
  return (name) => pattern.test(name);
}
