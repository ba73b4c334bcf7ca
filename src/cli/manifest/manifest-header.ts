/** How commands that start a manifest learn what its header is to say. */
import * as Flags from '@oclif/core/flags';
import {wipe} from '../../bytes.js';
import {readCiphertext} from '../../custody/source.js';
import {SOURCE_FORMS} from '../../custody/sources/table.js';
import {CREDENTIAL_BYTES, WRAPPED_CREDENTIAL_BYTES} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import {newEdition} from '../../manifest/fields/edition.js';
import type {ManifestHeader} from '../../manifest/index.js';
import type {KekHandle} from '../../wrap/kek-handle.js';
import {FIRST_ID, idFlag} from '../flags/flags.js';

const withName = {dependsOn: ['name'], exclusive: ['manifest']};

/** The flags that make a header. */
export const headerFlags = {
  'import-kek-id': idFlag({
    ...withName,
    description: `for a new manifest, id of the import KEK on the NIC ${FIRST_ID}`,
  }),
  'credential-id': idFlag({
    ...withName,
    description: `for a new manifest, id of the credential on the NIC ${FIRST_ID}`,
  }),
  credential: Flags.string({
    ...withName,
    helpValue: 'FILE',
    description: `for a new manifest, wrapped credential (48 bytes): a path, ${SOURCE_FORMS}`,
  }),
  'no-login': Flags.boolean({
    ...withName,
    exclusive: [...withName.exclusive, 'import-kek-id', 'credential-id', 'credential'],
    description: 'start a manifest without a login, only for NICs in plaintext import mode',
  }),
  device: Flags.string({
    ...withName,
    helpValue: 'NAME,...',
    description: 'for a new manifest, NICs that are to hold the DEKs (default: any)',
  }),
  'manifest-version': Flags.option({
    ...withName,
    options: ['1', '2'] as const,
    helpValue: 'N',
    description: 'format of a new manifest: 2 (default), or 1 for hosts with an older dek',
  })(),
};

/** The values of `headerFlags`. */
export interface HeaderOptions {
  'import-kek-id'?: number | undefined;
  'credential-id'?: number | undefined;
  credential?: string | undefined;
  'no-login': boolean;
  device?: string | undefined;
  'manifest-version'?: '1' | '2' | undefined;
}

/**
 * The header of a manifest that `kek` is to wrap. Throws BAD_ARGUMENT when a flag is missing; UNWRAP_FAILED when the
 * wrapped credential was not wrapped by this KEK; what reading it throws.
 */
export async function headerOf(options: HeaderOptions, kek: KekHandle): Promise<ManifestHeader> {
  const {device, credential, 'import-kek-id': importKekId, 'credential-id': credentialId} = options;
  const header = {
    edition: options['manifest-version'] === '1' ? null : newEdition(),
    devices: device === undefined ? [] : device.split(','),
    importKekKcv: kek.kcv ?? null,
  };
  if (options['no-login']) return {...header, login: null};
  if (importKekId === undefined || credentialId === undefined || credential === undefined) {
    throw new DekError('BAD_ARGUMENT', 'a new manifest needs --import-kek-id, --credential-id and --credential', {
      hint: 'for NICs in plaintext import mode, give --no-login instead',
    });
  }
  const wrapped = await readCiphertext(credential, [WRAPPED_CREDENTIAL_BYTES], 'wrapped credential');
  await assertWrappedBy(kek, wrapped);
  return {...header, login: {importKekId, credentialId, credential: wrapped}};
}

/** Throws UNWRAP_FAILED when the credential was wrapped by another KEK; of one that only wraps that cannot be told. */
export async function assertWrappedBy(kek: KekHandle, credential: Uint8Array): Promise<void> {
  try {
    wipe(await kek.unwrap(credential, CREDENTIAL_BYTES));
  } catch (error) {
    if (!(error instanceof DekError && error.code === 'UNSUPPORTED')) throw error;
  }
}
