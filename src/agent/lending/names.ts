/** What a service asks for: names of DEKs and GLOBs of `*` and `?`. */
import {matcherOf} from '../../glob.js';
import {isGlob} from '../wire/records.js';

/** Tells of a name whether it is asked for; undefined when all are. */
export function asksFor(patterns: readonly string[]): ((name: string) => boolean) | undefined {
  if (patterns.length === 0) return undefined;
  const names = new Set(patterns.filter((pattern) => !isGlob(pattern)));
  const globs = patterns.filter(isGlob).map(matcherOf);
  return (name) => names.has(name) || globs.some((isOne) => isOne(name));
}

/** The names among the patterns. */
export function namesAmong(patterns: readonly string[]): readonly string[] {
  return patterns.filter((pattern) => !isGlob(pattern));
}
