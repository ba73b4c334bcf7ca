/** Times as people write them: `90s`, `30m`, `12h`, `7d`. */
import {DekError} from '../../errors.js';

const SECONDS: Readonly<Record<string, number>> = {s: 1, m: 60, h: 3600, d: 86_400};
/** What a timer of the kernel's keys takes. */
const MAX_SECONDS = 2 ** 31 - 1;

/** The seconds of `text`, 1 at least. Throws BAD_ARGUMENT; `title` is what messages call it. */
export function parseDuration(text: string, title: string): number {
  const [, number, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const seconds = Number(number) * (SECONDS[unit ?? ''] ?? Number.NaN);
  if (seconds >= 1 && seconds <= MAX_SECONDS) return seconds;
  throw new DekError('BAD_ARGUMENT', `${title} expected a time such as 90s, 30m, 12h or 7d`);
}
