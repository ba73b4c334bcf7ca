/** From what people write for an import KEK to a handle of it, whether its bytes come to this process or not. */
import {equalBytes, toHex, wipe} from '../bytes.js';
import type {Limit} from '../deadline.js';
import {KEK_BYTES} from '../dek-layout.js';
import {DekError} from '../errors.js';
import {keyCheckValue} from '../wrap/kcv.js';
import {BytesKek, type KekHandle} from '../wrap/kek-handle.js';
import {joinComponents} from './components.js';
import type {Format} from './encoding.js';
import {readPublicText, readSecret, readSecretText} from './source.js';
import {kindOf, WRAPPERS} from './sources/table.js';
import {sourceOf} from './spec.js';

/** How to open a KEK: what messages call it, how it stands in its source, its key check value where that is known. */
export interface KekSpec {
  readonly title?: string;
  readonly format?: Format | undefined;
  /** 5 bytes. */
  readonly kcv?: Uint8Array | undefined;
  readonly limit?: Limit | undefined;
}

/**
 * Opens the import KEK that `spec` names; the caller closes it. Throws what `readSecret` throws; UNWRAP_FAILED when it
 * has another key check value than `kcv`.
 */
export async function openKek(spec: string, options: KekSpec = {}): Promise<KekHandle> {
  return expecting(await open(spec, options), options);
}

/**
 * Opens the import KEK that these components make, each from a source of its own. Throws what `openKek` throws;
 * BAD_INPUT when they make none.
 */
export async function openComponents(specs: readonly string[], options: KekSpec = {}): Promise<KekHandle> {
  const {title = 'kek', format, limit} = options;
  const components: Uint8Array[] = [];
  try {
    for (const [i, spec] of specs.entries())
      components.push(await readSecret(spec, KEK_BYTES, `${title} component ${i + 1}`, format, limit));
    const kek = joinComponents(components);
    return await expecting(new BytesKek(kek, `"${title}" of components`, components.map(keyCheckValue)), options);
  } finally {
    wipe(...components);
  }
}

async function expecting(kek: KekHandle, {title = 'kek', kcv}: KekSpec): Promise<KekHandle> {
  if (kcv === undefined || kek.kcv === undefined || equalBytes(kcv, kek.kcv)) return kek;
  await kek.close();
  throw new DekError('UNWRAP_FAILED', `"${title}" has KCV ${toHex(kek.kcv)}, and ${toHex(kcv)} was expected`, {
    hint: 'give the KEK of that key check value',
  });
}

async function open(spec: string, {title = 'kek', format, kcv, limit}: KekSpec): Promise<KekHandle> {
  const wrapper = kindOf(spec, WRAPPERS);
  if (wrapper) {
    const {openKek: openThere} = await wrapper.kind.load();
    return openThere(wrapper.rest, {
      title,
      kcv,
      limit,
      readSecret: (source, maxBytes, what) => readSecretText(source, maxBytes, what, limit),
      readPublic: readPublicText,
    });
  }
  const {name} = await sourceOf(spec, title);
  return new BytesKek(await readSecret(spec, KEK_BYTES, title, format, limit), name);
}
