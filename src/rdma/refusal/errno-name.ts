/** The names of errnos. */
import {getSystemErrorName} from 'node:util';

/** The C name of an errno, such as `EINVAL`; of one that has none, 0 among them, its number. */
export function errnoName(errno: number): string {
  const name = errno > 0 ? getSystemErrorName(-errno) : '';
  // On Linux the two are one number, 95; verbs manual pages use the other name.
  if (name === 'ENOTSUP') return 'EOPNOTSUPP';
  return name.startsWith('E') ? name : `errno ${errno}`;
}
