/** Which hosts of a fleet a command is for: `--host`, `--hosts FILE`, `--all`. */
import fs from 'node:fs/promises';
import * as Flags from '@oclif/core/flags';
import {DekError} from '../errors.js';
import {systemError} from '../files/system-error.js';
import {HOST_FORM, isHost} from '../manifest/fields/edition.js';

export const fleetHostFlags = {
  host: Flags.string({
    helpValue: 'NAME',
    multiple: true,
    multipleNonGreedy: true,
    description: 'a host; may be given more than once',
    exclusive: ['all'],
  }),
  hosts: Flags.string({
    helpValue: 'FILE',
    description: 'file of hosts, one name per line; empty lines and what follows # are ignored',
    exclusive: ['all'],
  }),
  all: Flags.boolean({description: 'every host of the fleet'}),
};

interface HostFlags {
  host?: string[] | undefined;
  hosts?: string | undefined;
  all?: boolean | undefined;
}

/** Their names; undefined: all. Throws BAD_ARGUMENT when none is said, or one is no name of a host; BAD_INPUT. */
export async function whichHosts({host = [], hosts, all}: HostFlags): Promise<string[] | undefined> {
  if (all) return undefined;
  if (host.length === 0 && hosts === undefined) {
    throw new DekError('BAD_ARGUMENT', 'for which hosts is not said', {hint: '--host NAME, --hosts FILE or --all'});
  }
  if (!host.every(isHost)) throw new DekError('BAD_ARGUMENT', '--host is no name of a host', {hint: HOST_FORM});
  return [...new Set([...host, ...(hosts === undefined ? [] : await hostsIn(hosts))])];
}

async function hostsIn(path: string): Promise<string[]> {
  const text = await fs.readFile(path, 'utf8').catch((error: unknown) => {
    throw systemError('read', path, error);
  });
  const names: string[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    const name = line.replace(/#.*/, '').trim();
    if (name === '') continue;
    if (!isHost(name))
      throw new DekError('BAD_INPUT', `${path}: line ${i + 1} is no name of a host`, {hint: HOST_FORM});
    names.push(name);
  }
  if (names.length > 0) return names;
  throw new DekError('BAD_INPUT', `${path} names no host`, {hint: 'one name per line; what follows # is ignored'});
}
