/** `cred:NAME`: a systemd credential, systemd.exec(5), LoadCredential=. */
import {join} from 'node:path';
import {hideKey} from '../../bytes.js';
import {DekError} from '../../errors.js';
import {nameOf, type Source} from './source.js';

export function sourceOf(credential: string, title: string): Source {
  const directory = process.env['CREDENTIALS_DIRECTORY'];
  const path = join(directory ?? '', credential);
  const name = nameOf(`cred:${credential}`, path, title);
  if (credential === '' || credential.includes('/') || credential === '.' || credential === '..') {
    throw new DekError('BAD_ARGUMENT', `${name} is not the name of a credential`, {
      hint: 'it is the ID of LoadCredential=ID:PATH, a name without a slash',
    });
  }
  if (!directory) {
    throw new DekError('NO_INPUT', `${name} cannot be found: $CREDENTIALS_DIRECTORY is not set`, {
      hint: `run this in a systemd unit with LoadCredential=${hideKey(credential)}:PATH`,
    });
  }
  return {name, path, isPrivate: false};
}
