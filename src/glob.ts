/** Patterns as shells have them for names: * is any characters, ? is one; all else is itself. */

/** Tells of a name whether it fits the pattern. */
export function matcherOf(glob: string): (name: string) => boolean {
  const pattern = [...glob];
  return (name) => matches([...name], pattern);
}

/** Goes back to the last star alone, so that no pattern takes more than name times pattern steps. */
function matches(name: readonly string[], pattern: readonly string[]): boolean {
  let [at, in_, star, from] = [0, 0, -1, 0];
  while (at < name.length) {
    if (in_ < pattern.length && pattern[in_] === '*') [star, from] = [in_++, at];
    else if (in_ < pattern.length && (pattern[in_] === '?' || pattern[in_] === name[at])) {
      at++;
      in_++;
    } else if (star >= 0) [in_, at] = [star + 1, ++from];
    else return false;
  }
  while (pattern[in_] === '*') in_++;
  return in_ === pattern.length;
}
