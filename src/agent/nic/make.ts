/** Creating DEKs of one layout on an open device, as they are wrapped, or in plaintext. */
import {setImmediate as nextTurn} from 'node:timers/promises';
import {type DekLayout, type DekState, type ImportMode, OPAQUE_BYTES} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import type {CreateDekOptions, Dek, Device} from '../../rdma/index.js';
import {gather} from '../set/dek-batch.js';

/** What the DEKs are made from. */
export interface Material {
  readonly import: ImportMode;
  readonly layout: DekLayout;
  /** As `import` says, one after the other; the caller wipes them. */
  readonly keys: Uint8Array;
  /** The labels, 8 bytes each. */
  readonly opaque: Uint8Array;
}

/** DEKs that are made on this thread before other requests get their turn. */
const CREATES_A_TURN = 16;

/** The positions of all of them. */
export function allOf({opaque}: Material): readonly number[] {
  return Array.from({length: opaque.length / OPAQUE_BYTES}, (_, i) => i);
}

/**
 * A DEK or an error for each of these positions, which are all different and in order; also when none can be sent, since that
 * may turn out at a retry, after others were made. Each is queried, and those that are not READY are put into `unfit` with what
 * the NIC says.
 */
export async function createOn(
  device: Device,
  material: Material,
  positions: readonly number[],
  unfit: Map<Dek, DekState | DekError>,
): Promise<readonly (Dek | DekError)[]> {
  if (material.import === 'plaintext') return createHere(device, material, positions, unfit);
  const {layout, keys, opaque} = material;
  const isAll = positions.length * OPAQUE_BYTES === opaque.length;
  const column = {
    keySize: layout.keySize,
    keytag: layout.keytag,
    wrapped: isAll ? keys : gather(keys, layout.wrappedBytes, positions),
    opaque: isAll ? opaque : gather(opaque, OPAQUE_BYTES, positions),
  };
  try {
    return await device.createDekColumn(column, unfit);
  } catch (error) {
    if (error instanceof DekError) return positions.map(() => error);
    throw error;
  }
}

/**
 * Plaintext keys are made one by one on this thread, each with a query after it: that overwrites the copy of the key that
 * libmlx5 leaves on the stack, which on a thread of the pool would stay.
 */
async function createHere(
  device: Device,
  {layout, keys, opaque}: Material,
  positions: readonly number[],
  unfit: Map<Dek, DekState | DekError>,
): Promise<(Dek | DekError)[]> {
  const {keySize, keytag, plaintextBytes} = layout;
  const made: (Dek | DekError)[] = [];
  for (const i of positions) {
    if (made.length % CREATES_A_TURN === CREATES_A_TURN - 1) await nextTurn();
    const plaintext = keys.subarray(i * plaintextBytes, (i + 1) * plaintextBytes);
    const label = opaque.subarray(i * OPAQUE_BYTES, (i + 1) * OPAQUE_BYTES);
    made.push(createOne(device, {plaintext, keySize, keytag, opaque: label}, unfit));
  }
  return made;
}

function createOne(device: Device, options: CreateDekOptions, unfit: Map<Dek, DekState | DekError>): Dek | DekError {
  const dek = orError(() => device.createDek(options));
  if (dek instanceof DekError) return dek;
  const state = orError(() => dek.query().state);
  if (state !== 'READY') unfit.set(dek, state);
  return dek;
}

function orError<T>(call: () => T): T | DekError {
  try {
    return call();
  } catch (error) {
    if (error instanceof DekError) return error;
    throw error;
  }
}
