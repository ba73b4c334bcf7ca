/**
 * Lists of bytes as C writes them: arrays in C, and the files of perftest (--credentials_path, and what its
 * --data_enc_key_app_path writes), which have a number a line and are read with fscanf's %x.
 */
import {toHex} from '../../bytes.js';
import {DekError} from '../../errors.js';
import {type Material, type NamedDek, onlyOne, type ReadOptions, single} from './material.js';

/** Bytes in a line of an array. */
const A_LINE = 12;
/** perftest wraps keys of 128 bits without a keytag, and reads no others. */
const PERFTEST_DEK_BYTES = 40;

/** The bytes of a list without names. Throws BAD_INPUT when it is no list of bytes. */
export function readNumbers(text: string, options: ReadOptions): Material {
  return single(bytesIn(text), options);
}

/** A number a line, as perftest reads them. Throws BAD_ARGUMENT for a DEK that it has no room for. */
export function writePerftest(material: Material): string {
  const bytes = onlyOne(material, 'perftest');
  if (material.credential === null && bytes.length !== PERFTEST_DEK_BYTES) {
    throw new DekError(
      'BAD_ARGUMENT',
      `perftest takes 128-bit DEKs without keytag, not ${bytes.length} wrapped bytes`,
      {hint: 'make one with dek keygen --size 128'},
    );
  }
  return `${hexBytes(bytes).join('\n')}\n`;
}

/**
 * The name and the body of an array. No part runs over where another may begin, a word or a bracket: the time that a
 * hostile file takes grows with its length, not with the square of it.
 */
const ARRAY = /(?<!\w)(\w+)\s*\[[^[\]]*\]\s*=\s*\{([^{}]*)\}/g;

/** The arrays of a C source. Throws BAD_INPUT when it has none that is a wrapped key. */
export function readC(text: string, options: ReadOptions): Material {
  const arrays = [...text.matchAll(ARRAY)];
  if (arrays.length === 0) return readNumbers(text, options);
  let credential: Uint8Array | null = null;
  const deks: NamedDek[] = [];
  for (const [, name, body] of arrays) {
    const isCredential = name === CREDENTIAL || options.isCredential;
    const found = single(bytesIn(body!), {
      name: name!.startsWith(PREFIX) ? name!.slice(PREFIX.length) : name!,
      isCredential,
    });
    if (found.credential !== null) credential = found.credential;
    deks.push(...found.deks);
  }
  return {credential, deks};
}

const CREDENTIAL = 'wrapped_credential';
/** Before the name of a DEK, which may be a word of C. */
const PREFIX = 'dek_';

/** An array each. Throws BAD_ARGUMENT when two names make one identifier. */
export function writeC({credential, deks}: Material): string {
  const arrays = [
    ...(credential === null ? [] : [[CREDENTIAL, credential] as const]),
    ...deks.map(({name, wrapped}) => [PREFIX + name.replace(/\W/g, '_'), wrapped] as const),
  ];
  const names = new Set(arrays.map(([name]) => name));
  if (names.size < arrays.length)
    throw new DekError('BAD_ARGUMENT', 'two names make one identifier in C', {
      hint: 'convert them one at a time: --name NAME',
    });
  return arrays.map(([name, bytes]) => cArray(name, bytes)).join('\n');
}

/** `0x1f` each. */
export function hexBytes(bytes: Uint8Array): string[] {
  return Array.from(bytes, (byte) => `0x${toHex(Uint8Array.of(byte))}`);
}

/** The bytes of numbers that commas or spaces part. Throws BAD_INPUT. */
export function bytesIn(text: string): Uint8Array {
  const words = text.split(/[\s,]+/).filter(Boolean);
  if (words.length === 0 || !words.every((word) => /^0x[0-9a-f]{1,2}$/i.test(word))) {
    throw new DekError('BAD_INPUT', 'expected bytes as C writes them: 0x1f, parted by commas or lines');
  }
  return Uint8Array.from(words, Number);
}

function cArray(name: string, bytes: Uint8Array): string {
  const words = hexBytes(bytes);
  const lines: string[] = [];
  for (let i = 0; i < words.length; i += A_LINE) lines.push(`  ${words.slice(i, i + A_LINE).join(', ')},`);
  return `static const unsigned char ${name}[${bytes.length}] = {\n${lines.join('\n')}\n};\n`;
}
