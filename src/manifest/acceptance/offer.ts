/** A manifest that a host may take up, read whole, with what a signature is made of it. */
import {types} from 'node:util';
import {DekError} from '../../errors.js';
import {itemsOf} from '../../given.js';
import {faultError} from '../fault.js';
import {type ManifestHeader, versionOf} from '../fields/header.js';
import type {ByteSource} from '../lines.js';
import {columnsOf, openLines} from '../read.js';
import {Digester, type Digests} from '../signature/digests.js';

/** What is known of a manifest when all of it has been read. */
export interface Offered {
  readonly header: ManifestHeader;
  readonly digests: Digests;
  /** How many it has. */
  readonly deks: number;
}

/** Reads a whole manifest, once. Throws BAD_INPUT at its first fault, and what `source` throws. */
export async function readOffered(source: ByteSource): Promise<Offered> {
  const digester = new Digester();
  const {header, lines, bytes} = await openLines(digested(source, digester));
  let deks = 0;
  for await (const {count, faults} of await columnsOf(lines, versionOf(header), {}, bytes)) {
    if (faults[0]) throw faultError(faults[0]);
    deks += count;
  }
  return {header, digests: digester.digests(), deks};
}

async function* digested(source: ByteSource, digester: Digester): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of itemsOf(source, 'source')) {
    if (!types.isUint8Array(chunk)) throw new DekError('BAD_ARGUMENT', '"source" expected chunks of Uint8Array');
    digester.update(chunk);
    yield chunk;
  }
}
