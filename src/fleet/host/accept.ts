/** Whether a host takes up what its pointer names: it has to be what it says, for this host, and no step back. */
import {toHex} from '../../bytes.js';
import {DekError} from '../../errors.js';
import {readHeader} from '../../manifest/read.js';
import type {Target} from '../layout/pointer.js';

export interface Taker {
  readonly host: string;
  /** What it holds. */
  readonly held: Target | undefined;
}

/** Throws BAD_INPUT, EXPIRED. The file is whole and has the digest that the pointer says. */
export async function assertOffered(path: string, target: Target, {host, held}: Taker): Promise<void> {
  const header = await readHeader(path);
  const {edition} = header;
  if (!edition || toHex(edition.id) !== target.id || edition.generation !== target.generation) {
    throw refused('its pointer gives it another id or generation than it has');
  }
  if (edition.hosts.length > 0 && !edition.hosts.includes(host)) throw refused(`it is not for ${host}`);
  if (held && held.id === target.id && held.generation >= target.generation) {
    throw refused(`generation ${held.generation} is held, and ${target.generation} is no step forward`);
  }
  if (edition.notAfter !== null && Date.parse(edition.notAfter) < Date.now()) {
    throw new DekError('EXPIRED', `it was to be taken up until ${edition.notAfter}`);
  }
}

function refused(why: string): DekError<'BAD_INPUT'> {
  return new DekError('BAD_INPUT', why);
}
