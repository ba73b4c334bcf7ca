/** The check values of many DEKs of one layout, one after the other. */
import {equalBytes, secretBytes, wipe} from '../../bytes.js';
import {DCV_BYTES, DCV_HINT_BYTES, type DekLayout} from '../../dek-layout.js';
import {engineToWrap} from '../aes/engine.js';
import {ARRANGEMENTS, arrange, dekCheckValue} from './dcv.js';
import {type DcvInto, withLibcryptoDcv} from './ffi.js';

/** Of each DEK, in order. All of it is public. */
export interface CheckValues {
  /** 16 bytes each. */
  readonly dcv: Uint8Array;
  /** 6 bytes each; none where they were not asked for. */
  readonly dcvHints: Uint8Array;
}

/** Whether libcrypto computes what the engine does; undefined before it was asked. */
let isLibcryptoRight: boolean | undefined;

/**
 * The check values of the DEKs in `plaintexts`, and unless `hints` is false what tells of keys that were put together
 * wrongly. The same as `dekCheckValue` and `dcvHints`, in a sixth of the time where there are many.
 */
export function checkValuesOf(plaintexts: Uint8Array, layout: DekLayout, {hints = true} = {}): CheckValues {
  const count = plaintexts.length / layout.plaintextBytes;
  const useLibcrypto = engineToWrap(count).name === 'libcrypto' && trustsLibcrypto();
  const keyBytes = layout.keySize / 8;
  const all = (into: DcvInto): CheckValues => valuesBy(into, plaintexts, layout, hints);
  return useLibcrypto ? withLibcryptoDcv(keyBytes, all) : all(slowly);
}

function valuesBy(into: DcvInto, plaintexts: Uint8Array, layout: DekLayout, hints: boolean): CheckValues {
  const {plaintextBytes} = layout;
  const keyBytes = layout.keySize / 8;
  const count = plaintexts.length / plaintextBytes;
  const dcv = new Uint8Array(count * DCV_BYTES);
  const dcvHints = new Uint8Array(hints ? count * DCV_HINT_BYTES : 0);
  const wrong = new Uint8Array(DCV_BYTES);
  const [half1, half2] = [secretBytes(keyBytes), secretBytes(keyBytes)];
  try {
    for (let i = 0; i < count; i++) {
      const at = i * plaintextBytes;
      const key1 = plaintexts.subarray(at, at + keyBytes);
      const key2 = plaintexts.subarray(at + keyBytes, at + 2 * keyBytes);
      // AES-XTS of libcrypto refuses such a key, as FIPS 140-3 has it, and a rewrap takes it along.
      const one = into === slowly || equalBytes(key1, key2) ? slowly : into;
      one(key1, key2, dcv, i * DCV_BYTES);
      if (!hints) continue;
      for (const [k, arrangement] of ARRANGEMENTS.entries()) {
        arrange(arrangement, key1, key2, half1, half2);
        one(half1, half2, wrong, 0);
        dcvHints.set(wrong.subarray(0, 2), i * DCV_HINT_BYTES + 2 * k);
      }
    }
    return {dcv, dcvHints};
  } finally {
    wipe(half1, half2);
  }
}

const slowly: DcvInto = (key1, key2, out, at) => {
  const dek = secretBytes(2 * key1.length);
  dek.set(key1);
  dek.set(key2, key1.length);
  try {
    out.set(dekCheckValue(dek), at);
  } finally {
    wipe(dek);
  }
};

/** libcrypto is compared with the engine, which was asked known answers, before it is trusted. */
function trustsLibcrypto(): boolean {
  isLibcryptoRight ??= isRight();
  return isLibcryptoRight;
}

function isRight(): boolean {
  try {
    return [16, 32].every((keyBytes) => {
      const key = Uint8Array.from({length: 2 * keyBytes}, (_, i) => i);
      const out = new Uint8Array(DCV_BYTES);
      withLibcryptoDcv(keyBytes, (into) => into(key.subarray(0, keyBytes), key.subarray(keyBytes), out, 0));
      return equalBytes(out, dekCheckValue(key));
    });
  } catch {
    return false;
  }
}
