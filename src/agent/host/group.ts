/** Groups by name, as the system's name service knows them. */
import {execFileSync} from 'node:child_process';
import {hideKey} from '../../bytes.js';
import {DekError} from '../../errors.js';

/** The id of a group that is given by name or number. Throws BAD_ARGUMENT when there is none. */
export function groupId(group: string): number {
  try {
    const entry = execFileSync('getent', ['group', '--', group], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const id = Number(entry.split(':')[2]);
    if (Number.isInteger(id)) return id;
  } catch (cause) {
    throw noGroup(group, cause);
  }
  throw noGroup(group);
}

function noGroup(group: string, cause?: unknown): DekError<'BAD_ARGUMENT'> {
  return new DekError('BAD_ARGUMENT', `there is no group "${hideKey(group)}"`, {
    hint: 'getent group lists them',
    cause,
  });
}
