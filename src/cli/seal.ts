/** What `dek seal` and `dek unseal` share. */
import * as Flags from '@oclif/core/flags';
import type {Format} from '../custody/encoding.js';
import {KEK_FORMS} from '../custody/sources/table.js';
import {DekError} from '../errors.js';
import {isInstant} from '../manifest/fields/edition.js';
import {protectSecrets} from '../memory/protect.js';
import type {OnBytes} from '../seal/chunks.js';
import type {SealingKey} from '../seal/name-key.js';
import {hostKeyPath, makeHostKey, withSealingKey} from '../seal/sealing-key.js';
import {formatFlag} from './flags/format-flag.js';
import {outputFlags} from './output/output.js';
import {Progress} from './output/progress.js';

const {output, force} = outputFlags;

/** The flags of both. */
export const sealFlags = {
  'with-key': Flags.string({
    helpValue: 'SOURCE',
    description:
      `sealing key (32 bytes): ${KEK_FORMS} (default: that of this host, $STATE_DIRECTORY/seal.key, else ` +
      '/var/lib/dek/seal.key)',
  }),
  'with-key-format': formatFlag('the sealing key', {dependsOn: ['with-key']}),
  output,
  force,
};

/** What both print with `--json`. */
export interface SealResult {
  name: string;
  /** After it the envelope does not open; RFC 3339, null: it always does. */
  notAfter: string | null;
  /** Bytes of the data, not of the envelope. */
  bytes: number;
  /** The key check value of the sealing key, in hex. */
  keyKcv: string;
  /** Null: stdout. */
  output: string | null;
}

/** The values of the flags that name the sealing key. */
export interface SealingKeyOptions {
  'with-key'?: string | undefined;
  'with-key-format'?: Format | undefined;
}

/**
 * Calls `use` with the sealing key. `onMade` says that one is made for this host where there is none, and is called
 * with its path. Throws what reading the key throws.
 */
export async function withChosenKey<T>(
  {'with-key': spec, 'with-key-format': format}: SealingKeyOptions,
  use: (key: SealingKey) => Promise<T>,
  onMade?: (path: string) => void,
): Promise<T> {
  protectSecrets();
  if (spec !== undefined) return withSealingKey({spec, format}, use);
  const path = hostKeyPath();
  if (onMade !== undefined && (await makeHostKey())) onMade(path);
  return withSealingKey({spec: `file:${path}`, format: 'raw'}, use);
}

/** Seconds since 1970 of a day, to its end in UTC, or of a time. Throws BAD_ARGUMENT, also for one that is over. */
export function parseNotAfter(text: string, now: number): number {
  const isDay = /^\d{4}-\d\d-\d\d$/.test(text) && isInstant(`${text}T00:00:00Z`);
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)$/.test(text) && isInstant(text);
  const milliseconds = isDay ? Date.parse(`${text}T23:59:59Z`) : isTime ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(milliseconds)) {
    throw new DekError('BAD_ARGUMENT', '--not-after expected a day or a time', {
      hint: '2027-01-31, to its end in UTC, or 2027-01-31T12:00:00Z',
    });
  }
  if (milliseconds > now) return Math.floor(milliseconds / 1000);
  throw new DekError('BAD_ARGUMENT', '--not-after is in the past', {
    hint: 'name a later day, or leave out --not-after',
  });
}

/** Calls `work`, shows how far it is if `isShown`, and returns how many bytes of data it told of last. */
export async function countingBytes(
  isShown: boolean,
  label: string,
  work: (onBytes: OnBytes) => Promise<void>,
): Promise<number> {
  const progress = new Progress(isShown);
  let bytes = 0;
  try {
    await work((now) => {
      bytes = now;
      progress.update(label, Math.floor(now / 2 ** 20));
    });
  } finally {
    progress.end();
  }
  return bytes;
}
