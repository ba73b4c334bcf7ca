/**
 * An import KEK that is a key in the kernel, `afalg:TYPE:DESCRIPTION`: the kernel computes AES with it (AF_ALG), and
 * the KEK is not in this process.
 */
import {hideKey} from '../../bytes.js';
import {KEK_BYTES} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import type {AesEngine} from '../../wrap/aes/cipher.js';
import {withEngine} from '../../wrap/aes/engine.js';
import {unwrapKeys, wrapKeys} from '../../wrap/bulk.js';
import {cmac} from '../../wrap/cmac.js';
import {keyCheckValue} from '../../wrap/kcv.js';
import {type KekHandle, rewrapHere} from '../../wrap/kek-handle.js';
import {ecbOfKey, probeEcb} from '../afalg/ecb.js';
import type {Serial} from '../keyring/ffi.js';
import {findKey, payloadBytes, withPayload} from '../keyring/find.js';
import type {OpenOptions} from './wrapper.js';

/** Types whose keys the kernel takes for AF_ALG. */
const TYPES = ['user', 'logon', 'encrypted', 'trusted'];
/** The engine is asked with one, and does not look at it. */
const NO_KEK = new Uint8Array(16);

let isTold = false;

/**
 * Opens `afalg:rest`. Throws BAD_ARGUMENT for what is no such name; NO_INPUT, PERMISSION, UNSUPPORTED; BAD_INPUT for a
 * key that is no KEK.
 */
export async function openKek(rest: string, {title}: OpenOptions): Promise<KekHandle> {
  const [, type = '', description = ''] = /^([a-z_]+):([^\0]+)$/s.exec(rest) ?? [];
  if (!TYPES.includes(type)) {
    const hint = 'write afalg:TYPE:DESCRIPTION, where TYPE is user, logon, encrypted or trusted';
    throw new DekError('BAD_ARGUMENT', `"${title}" is no name of a key in the kernel`, {hint});
  }
  const name = `"${title}" afalg:${type}:${hideKey(description)}`;
  const key = findKey(type, description, name);
  const kekBytes = bytesOf(type, key, name);
  if (kekBytes !== undefined && !(KEK_BYTES as readonly number[]).includes(kekBytes)) {
    throw new DekError('BAD_INPUT', `${name} has ${kekBytes} bytes, expected 16 or 32`);
  }
  probeEcb(name);
  tellDeprecation();
  return new AfAlgKek(name, kekBytes, ecbOfKey(key, name));
}

/** As far as the kernel tells it, which it does not of a logon key. */
function bytesOf(type: string, key: Serial, name: string): number | undefined {
  try {
    if (type === 'user') return payloadBytes(key, name);
    // `default user:MASTER LENGTH HEX`, ciphertext; other formats have other words.
    if (type === 'encrypted') {
      const length = withPayload(key, name, (text) => Number(Buffer.from(text).toString('latin1').split(' ').at(-2)));
      return Number.isInteger(length) ? length : undefined;
    }
  } catch (error) {
    // It may be used without being read.
    if (!(error instanceof DekError && error.code === 'PERMISSION')) throw error;
  }
  return undefined;
}

/** Once a process: it is for the person who chose it. */
function tellDeprecation(): void {
  if (isTold) return;
  isTold = true;
  process.stderr.write(
    'warning: AF_ALG, which afalg: uses, is deprecated by Linux 7.2 and may go; docs/custody.md has other sources\n',
  );
}

class AfAlgKek implements KekHandle {
  readonly name: string;
  readonly kekBytes: number | undefined;
  readonly kcv: Uint8Array;
  readonly secret = undefined;
  readonly #engine: AesEngine;
  #isClosed = false;

  constructor(name: string, kekBytes: number | undefined, engine: AesEngine) {
    this.name = name;
    this.kekBytes = kekBytes;
    this.#engine = engine;
    this.kcv = this.#use(() => keyCheckValue(NO_KEK));
  }

  async wrap(plaintexts: Uint8Array, plaintextBytes: number): Promise<Uint8Array> {
    return this.#use(() => wrapKeys(NO_KEK, plaintexts, plaintextBytes));
  }

  async unwrap(wrapped: Uint8Array, plaintextBytes: number, failed?: number[]): Promise<Uint8Array> {
    return this.#use(() => unwrapKeys(NO_KEK, wrapped, plaintextBytes, failed));
  }

  rewrap(to: KekHandle, wrapped: Uint8Array, plaintextBytes: number, failed?: number[]): Promise<Uint8Array> {
    return rewrapHere(this, to, wrapped, plaintextBytes, failed);
  }

  async cmac(message: Uint8Array): Promise<Uint8Array> {
    return this.#use(() => cmac(NO_KEK, message));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #use<T>(work: () => T): T {
    if (this.#isClosed) throw new DekError('CLOSED', `${this.name} was closed`);
    return withEngine(this.#engine, work);
  }
}
