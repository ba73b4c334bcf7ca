/** How commands use an import KEK: opened late, closed at once, named by its key check value. */
import * as Flags from '@oclif/core/flags';
import {toHex} from '../../bytes.js';
import type {Format} from '../../custody/encoding.js';
import {openComponents, openKek} from '../../custody/kek.js';
import {KEK_FORMS, SOURCE_FORMS} from '../../custody/sources/table.js';
import {DekError} from '../../errors.js';
import {protectSecrets} from '../../memory/protect.js';
import type {KekHandle} from '../../wrap/kek-handle.js';
import {missingOption} from '../usage-error.js';
import {formatFlag} from './format-flag.js';
import {parseKcv} from './hex-flag.js';

/** `--kek SOURCE` of a command that takes components as well. */
export function kekFlag(what: string, forms: string) {
  return Flags.string({
    helpValue: 'SOURCE',
    description: `${what} (16 or 32 bytes): ${forms}`,
    exclusive: ['kek-component'],
  });
}

/** `--kek SOURCE`, or `--kek-component SOURCE` several times, and what belongs to them: an import KEK. */
export const kekFlags = {
  kek: kekFlag('import KEK', KEK_FORMS),
  'kek-component': Flags.string({
    helpValue: 'SOURCE',
    multiple: true,
    multipleNonGreedy: true,
    description: `a component of the import KEK, in place of --kek; given two or more times: ${SOURCE_FORMS}`,
  }),
  'kek-format': formatFlag('the KEK'),
  kcv: Flags.string({
    helpValue: 'KCV',
    description: 'key check value that the KEK has to have, 10 hex digits',
  }),
};

/** These flags in a line of usage. */
export const KEK_USAGE = '(--kek SOURCE | --kek-component SOURCE...) [--kek-format FORMAT] [--kcv KCV]';

/** The values of `kekFlags`. */
export interface KekOptions {
  kek?: string | undefined;
  'kek-component'?: string[] | undefined;
  'kek-format'?: Format | undefined;
  kcv?: string | undefined;
}

/**
 * Opens the KEK that these flags name and calls `use` with it; it is closed when that has settled. `title` is what
 * messages call it. From before the first secret byte on, this process's memory stays out of core dumps.
 */
export async function withKek<T>(
  {kek: spec, 'kek-component': components, 'kek-format': format, kcv}: KekOptions,
  use: (kek: KekHandle) => T | Promise<T>,
  title = 'kek',
): Promise<T> {
  const options = {title, format, kcv: kcv === undefined ? undefined : parseKcv(kcv, '--kcv')};
  protectSecrets();
  if (components && components.length < 2)
    throw new DekError('BAD_ARGUMENT', '--kek-component is given two or more times', {
      hint: 'one component is no KEK; a KEK in one piece is given as --kek SOURCE',
    });
  if (!components && spec === undefined) throw missingOption(title);
  const kek = components ? await openComponents(components, options) : await openKek(spec!, options);
  try {
    return await use(kek);
  } finally {
    await kek.close();
  }
}

/** `withKek` where these flags name a KEK, else `use` without one. */
export async function withKekIfGiven<T>(
  flags: KekOptions,
  use: (kek: KekHandle | undefined) => T | Promise<T>,
): Promise<T> {
  return isKekGiven(flags) ? withKek(flags, use) : use(undefined);
}

/** Whether these flags name a KEK. Throws BAD_ARGUMENT for what belongs to one and stands alone: it does nothing. */
export function isKekGiven(flags: KekOptions): boolean {
  if (kekSpecs(flags).some((spec) => spec !== undefined)) return true;
  const alone = (['kcv', 'kek-format'] as const).find((name) => flags[name] !== undefined);
  if (alone === undefined) return false;
  throw new DekError('BAD_ARGUMENT', `--${alone} requires --kek`, {
    hint: `add --kek SOURCE, or leave out --${alone}`,
  });
}

/** What `--json` says of the KEK that was used. */
export interface KekResult {
  /** null: it cannot be told of this KEK. */
  kekKcv: string | null;
  /** Key check values of its components, in their order, if it was given in components. */
  kekComponents?: string[];
}

/** That of this KEK. */
export function kekResult({kcv, componentKcvs}: KekHandle): KekResult {
  const components = componentKcvs ? {kekComponents: componentKcvs.map(toHex)} : {};
  return {kekKcv: kcv ? toHex(kcv) : null, ...components};
}

/** The KEKs and components of these flags, for `assertDistinctStreams`. */
export function kekSpecs({kek, 'kek-component': components = []}: KekOptions): (string | undefined)[] {
  return [kek, ...components];
}
