/** `keyring:user:DESCRIPTION`: a key of the kernel's rings of the session, the user and the process, keyrings(7). */
import {hideKey} from '../../bytes.js';
import {DekError} from '../../errors.js';
import {findKey, withPayload} from '../keyring/find.js';
import {pipeOf} from './pipe.js';
import type {Source} from './source.js';

/** Why a key of that type cannot be given. */
const UNREADABLE: Readonly<Record<string, string>> = {
  encrypted: 'what the kernel gives of an encrypted key is ciphertext: only the kernel itself can use it',
  logon: 'the kernel gives a logon key to nobody: only the kernel itself can use it',
  trusted: 'what the kernel gives of a trusted key is sealed: only the kernel itself can use it',
};

export function sourceOf(rest: string, title: string): Source | undefined {
  const [, type, description] = /^([a-z_]+):(.+)$/s.exec(rest) ?? [];
  if (type === undefined || description === undefined || description.includes('\0')) return undefined;
  const name = `"${title}" keyring:${type}:${hideKey(description)}`;
  if (type !== 'user') {
    const reason = UNREADABLE[type] ?? 'it has to be a user key';
    throw new DekError('BAD_ARGUMENT', `${name} cannot be read: ${reason}`, {
      hint: 'give keyring:user:DESCRIPTION, or another source',
    });
  }
  const start = async () => withPayload(findKey(type, description, name), name, pipeOf);
  return {name, isPrivate: false, start};
}
