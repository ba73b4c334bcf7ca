/** Instants as ssh-keygen(1) has them in a file of allowed signers: YYYYMMDD or YYYYMMDDHHMM[SS], in UTC with a Z. */
import {DekError} from '../../errors.js';

const TIMESTAMP = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?(Z)?$/;

/** Milliseconds since 1970, more than 0. Without a Z it is the time of this host. `title`: what messages call it. */
export function parseTimestamp(text: string, title: string): number {
  const found = TIMESTAMP.exec(text);
  if (found) {
    const [year, month, day, hour = 0, minute = 0, second = 0] = found.slice(1, 7).map((digits) => Number(digits ?? 0));
    const parts = [year!, month! - 1, day!, hour, minute, second] as const;
    const date = found[7] ? new Date(Date.UTC(...parts)) : new Date(...parts);
    const isThere = month! <= 12 && hour < 24 && minute < 60 && second < 60;
    const isThatDay = (found[7] ? date.getUTCDate() : date.getDate()) === day;
    if (isThere && isThatDay && date.getTime() > 0) return date.getTime();
  }
  throw new DekError('BAD_INPUT', `${title} expected YYYYMMDD or YYYYMMDDHHMM[SS], and a Z for UTC`);
}
