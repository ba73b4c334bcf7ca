/** Which hosts of a fleet a command is for: `--host`, `--hosts FILE`, `--all`. */
import fs from 'node:fs/promises';
import * as Flags from '@oclif/core/flags';
import {DekError} from '../errors.js';
import {systemError} from '../files/system-error.js';
import {isHost} from '../manifest/fields/edition.js';

export const fleetHostFlags = {
  host: Flags.string({
    helpValue: 'NAME',
    multiple: true,
    multipleNonGreedy: true,
    description: 'a host; given several times for several',
    exclusive: ['all'],
  }),
  hosts: Flags.string({
    helpValue: 'FILE',
    description: 'hosts, a name a line; empty lines and what follows # are left out',
    exclusive: ['all'],
  }),
  all: Flags.boolean({description: 'all hosts that the fleet has'}),
};

interface HostFlags {
  host?: string[] | undefined;
  hosts?: string | undefined;
  all?: boolean | undefined;
}

/** Their names; undefined: all. Throws BAD_ARGUMENT when none is said, or one is no name of a host. */
export async function whichHosts({host = [], hosts, all}: HostFlags): Promise<string[] | undefined> {
  if (all) return undefined;
  const names = [...host, ...(hosts === undefined ? [] : await hostsIn(hosts))];
  if (names.length === 0) {
    throw new DekError('BAD_ARGUMENT', 'for which hosts is not said', {hint: '--host NAME, --hosts FILE or --all'});
  }
  const wrong = names.findIndex((name) => !isHost(name));
  if (wrong < 0) return [...new Set(names)];
  throw new DekError('BAD_ARGUMENT', `host ${wrong + 1} of those named is no name of a host`, {
    hint: 'letters, digits and . _ -, a letter or a digit first',
  });
}

async function hostsIn(path: string): Promise<string[]> {
  const text = await fs.readFile(path, 'utf8').catch((error: unknown) => {
    throw systemError('read', path, error);
  });
  return text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '');
}
