/**
 * The file that MLX5_CRYPTO_TEST_INFO names, for rdma-core's tests/test_mlx5_crypto.py: a JSON list of one object,
 * whose members are lists of numbers: wrapped values and data of 64 bits, big-endian, plaintext keys of 32 bits in the
 * order of the host. Without the ciphertexts the tests compare no data at all.
 */
import {viewOf} from '../../bytes.js';
import {DekError} from '../../errors.js';
import type {KekHandle} from '../../wrap/kek-handle.js';
import {encryptUnits, withKeys} from './known-data.js';
import {kindOf, type Material, type NamedDek} from './material.js';

/** How many numbers each member has. */
const LENGTHS = {credential: 6, wrapped_key: 5, wrapped_256_bits_key: 9} as const;
/** The data of the tests: the letter c. */
const LETTER = 'c';

/** Throws BAD_INPUT. */
export function readPyverbs(text: string): Material {
  const members = membersOf(text);
  const bytes = (name: keyof typeof LENGTHS): Uint8Array | null => {
    const numbers = members[name];
    if (numbers === undefined) return null;
    if (numbers.length !== LENGTHS[name]) {
      throw new DekError('BAD_INPUT', `"${name}" has ${numbers.length} numbers, expected ${LENGTHS[name]}`);
    }
    return bigEndian(numbers);
  };
  const deks = (['wrapped_key', 'wrapped_256_bits_key'] as const).flatMap((name): NamedDek[] => {
    const wrapped = bytes(name);
    return wrapped === null ? [] : [{name, wrapped}];
  });
  return {credential: bytes('credential'), deks};
}

/**
 * Its text: the first 128-bit DEK without keytag, and the first of 256 bits. With the KEK also what the tests' data
 * becomes. Throws BAD_ARGUMENT when there is no credential or no DEK that the tests take.
 */
export async function writePyverbs({credential, deks}: Material, kek: KekHandle | undefined): Promise<string> {
  const dek = (size: number) => deks.find((one) => kindOf(one).keySize === size && !kindOf(one).keytag)?.wrapped;
  const [short, long] = [dek(128), dek(256)];
  if (credential === null || short === undefined) {
    const [what, hint] =
      credential === null
        ? ['a wrapped credential', 'convert a manifest that has a login']
        : ['a 128-bit DEK without keytag', 'make one with dek keygen --size 128'];
    throw new DekError('BAD_ARGUMENT', `the tests of pyverbs need ${what}, and there is none`, {hint});
  }
  const data = (bytes: number) => new Uint8Array(bytes).fill(LETTER.charCodeAt(0));
  const encrypted = kek && (await withKeys(kek, short, (keys) => encryptUnits(keys, data(1024))));
  const members: [string, Uint8Array][] = [
    ['credential', credential],
    ['wrapped_key', short],
    ...(long === undefined ? [] : [['wrapped_256_bits_key', long] as [string, Uint8Array]]),
    ...(encrypted === undefined
      ? []
      : ([
          ['encrypted_data_for_512_c', encrypted.subarray(0, 512)],
          ['encrypted_data_for_1024_c', encrypted],
        ] as [string, Uint8Array][])),
  ];
  return `[{${members.map(([name, bytes]) => `"${name}": [${numbersOf(bytes).join(', ')}]`).join(',\n')}}]\n`;
}

/** Numbers of 64 bits do not fit a number of JavaScript: they are read as text. */
function membersOf(text: string): Readonly<Record<string, readonly bigint[]>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text.replace(/(?<=[[,\s])\d+(?=[\],\s])/g, '"$&"'));
  } catch (cause) {
    throw new DekError('BAD_INPUT', 'is not JSON', {cause});
  }
  const [first] = Array.isArray(parsed) ? parsed : [];
  if (typeof first !== 'object' || first === null) throw new DekError('BAD_INPUT', 'expected a list of one object');
  return Object.fromEntries(
    Object.entries(first as Record<string, unknown>).map(([name, list]) => {
      if (Array.isArray(list) && list.every((word) => typeof word === 'string' && /^\d{1,20}$/.test(word))) {
        return [name, list.map((word: string) => BigInt(word))];
      }
      throw new DekError('BAD_INPUT', `"${name}" expected a list of numbers`);
    }),
  );
}

function bigEndian(numbers: readonly bigint[]): Uint8Array {
  const bytes = Buffer.alloc(8 * numbers.length);
  for (const [i, number] of numbers.entries()) bytes.writeBigUInt64BE(BigInt.asUintN(64, number), 8 * i);
  return bytes;
}

function numbersOf(bytes: Uint8Array): bigint[] {
  const view = viewOf(bytes);
  return Array.from({length: bytes.length / 8}, (_, i) => view.getBigUint64(8 * i));
}
