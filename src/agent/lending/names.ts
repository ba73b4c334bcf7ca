/** What a service asks for: names of DEKs and GLOBs of `*` and `?`. */
import {isGlob} from '../wire/records.js';

/** Tells of a name whether it is asked for; undefined when all are. */
export function asksFor(patterns: readonly string[]): ((name: string) => boolean) | undefined {
  if (patterns.length === 0) return undefined;
  const names = new Set(patterns.filter((pattern) => !isGlob(pattern)));
  const globs = patterns.filter(isGlob);
  return (name) => names.has(name) || globs.some((glob) => matches(name, glob));
}

/** The names among the patterns. */
export function namesAmong(patterns: readonly string[]): readonly string[] {
  return patterns.filter((pattern) => !isGlob(pattern));
}

/** Goes back to the last star alone, so that no GLOB takes more than name times GLOB steps. */
export function matches(name: string, glob: string): boolean {
  let [at, in_, star, from] = [0, 0, -1, 0];
  while (at < name.length) {
    if (in_ < glob.length && glob[in_] === '*') [star, from] = [in_++, at];
    else if (in_ < glob.length && (glob[in_] === '?' || glob[in_] === name[at])) {
      at++;
      in_++;
    } else if (star >= 0) [in_, at] = [star + 1, ++from];
    else return false;
  }
  while (glob[in_] === '*') in_++;
  return in_ === glob.length;
}
