/**
 * A DEK for an experiment: of a key that is made here, where the NIC takes plaintext ones or the KEK wraps it; else the
 * manifest's first of the layout. A key that is made here encrypts nothing, and is wiped.
 */
import {randomFillSync} from 'node:crypto';
import {secretBytes, wipe} from '../../bytes.js';
import {type DekLayout, KEYTAG_BYTES} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import type {CreateDekOptions} from '../../rdma/index.js';
import {dcvHints, dekCheckValue} from '../../wrap/dcv/dcv.js';
import type {Bench} from './bench.js';

export interface Subject extends Disposable {
  readonly options: CreateDekOptions;
  /** 16 bytes; null: the manifest has none, so that nothing can be shown of the key. */
  readonly dcv: Uint8Array | null;
  readonly dcvHints: Uint8Array | null;
  /** 8 bytes of a DEK with keytag, where it is known. */
  readonly keytagValue: Uint8Array | null;
}

/** `128-bit, with keytag`. */
export function layoutText({keySize, keytag}: DekLayout): string {
  return `${keySize}-bit, ${keytag ? 'with' : 'without'} keytag`;
}

/** One of this layout; text: why there is none. */
export async function subjectOf(bench: Bench, layout: DekLayout): Promise<Subject | string> {
  if (bench.nic.readCaps().importMode === 'plaintext') return madeHere(layout, async (plaintext) => ({plaintext}));
  const {kek} = bench;
  if (kek === null) return ofManifest(bench, layout) ?? 'no KEK was given, and the manifest has none of this layout';
  try {
    return await madeHere(layout, async (plaintext) => {
      const wrapped = await kek.wrap(plaintext, plaintext.length);
      wipe(plaintext);
      return {wrapped};
    });
  } catch (error) {
    const found = ofManifest(bench, layout);
    if (found) return found;
    return `${cannotWrap(error)}, and the manifest has none of this layout`;
  }
}

/** One of the first of these layouts that there is; text: why there is none. */
export async function firstSubject(bench: Bench, layouts: readonly DekLayout[]): Promise<Subject | string> {
  let why = '';
  for (const layout of layouts) {
    const subject = await subjectOf(bench, layout);
    if (typeof subject !== 'string') return subject;
    why = subject;
  }
  return why;
}

/** Why a KEK does not wrap; its message might name a file of the machine. Throws what is no refusal of the KEK's. */
export function cannotWrap(error: unknown): string {
  if (!(error instanceof DekError)) throw error;
  return `the KEK does not wrap (${error.code})`;
}

async function madeHere(
  layout: DekLayout,
  keyOf: (plaintext: Uint8Array) => Promise<Pick<CreateDekOptions, 'plaintext' | 'wrapped'>>,
): Promise<Subject> {
  const plaintext = secretBytes(layout.plaintextBytes);
  try {
    randomFillSync(plaintext);
    const keytagValue = layout.keytag ? plaintext.slice(-KEYTAG_BYTES) : null;
    const values = {dcv: dekCheckValue(plaintext), dcvHints: dcvHints(plaintext), keytagValue};
    const {keySize, keytag} = layout;
    const key = await keyOf(plaintext);
    return {options: {...key, keySize, keytag}, ...values, [Symbol.dispose]: () => wipe(plaintext)};
  } catch (error) {
    wipe(plaintext);
    throw error;
  }
}

function ofManifest({material}: Bench, {keySize, keytag}: DekLayout): Subject | undefined {
  const some = material?.deks.filter((dek) => dek.keySize === keySize && dek.keytag === keytag) ?? [];
  const dek = some.find(({dcv, keytagValue}) => dcv && (!keytag || keytagValue)) ?? some[0];
  if (dek === undefined) return undefined;
  const {wrapped, dcv = null, dcvHints: hints = null, keytagValue = null} = dek;
  const options = {wrapped, keySize, keytag};
  return {options, dcv, dcvHints: hints, keytagValue, [Symbol.dispose]: () => {}};
}
