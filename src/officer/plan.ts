/**
 * What a command would write, for an officer who writes it by other means (mlxreg), and what a login needs afterwards,
 * in the words of DPDK and perftest. No secret: a KEK stands as its key check value, a credential as its length.
 */
import {toHex} from '../bytes.js';
import type {LoginOptions} from '../dek-layout.js';
import {
  type Addition,
  CRYPTO_OPERATIONAL,
  choiceOf,
  HANDLES,
  type KeyKind,
  type Register,
} from './registers/registers.js';

/** A write to a register. */
export interface Plan {
  readonly register: string;
  /** `0xc002` */
  readonly id: string;
  /** Fields by the names of mlxreg, with values or what stands for them. */
  readonly fields: Readonly<Record<string, string>>;
  /** What a login takes after it, in public words; null where that is not known. */
  readonly login: {readonly importKekId: number; readonly credentialId: number; readonly wcsFile: string} | null;
}

/** What mlxreg calls the fields of what is added. */
const OBJECT_FIELDS: Readonly<Record<KeyKind, {readonly choice: string; readonly secret: string}>> = {
  kek: {choice: 'import_kek_object.key_size', secret: 'import_kek_object.key'},
  credential: {choice: 'credential_object.credential_role', secret: 'credential_object.credential'},
};

/** Of the step to operational. `wrapped` is the credential, wrapped by the KEK. */
export function operationalPlan(kekBytes: number, kcv: string, wrapped: Uint8Array): Plan {
  return plan(
    CRYPTO_OPERATIONAL,
    {
      kek_size: kekBytes === 32 ? '0x1 (256 bits)' : '0x0 (128 bits)',
      'credential[0..9]': '40 bytes, the credential',
      [`kek[0..${kekBytes / 4 - 1}]`]: `${kekBytes} bytes, the KEK with KCV ${kcv}`,
    },
    {importKekId: 0, credentialId: 0, wcsFile: toHex(wrapped)},
  );
}

/** Of an addition. `what` says which key it is. */
export function additionPlan(kind: KeyKind, login: LoginOptions, addition: Addition, what: string): Plan {
  const {choice, secret} = OBJECT_FIELDS[kind];
  const {length} = addition.wrapped;
  return plan(
    HANDLES[kind],
    {
      'crypto_login_object.credential_pointer': `0x${login.credentialId.toString(16)}`,
      'crypto_login_object.session_import_kek_ptr': `0x${login.importKekId.toString(16)}`,
      'crypto_login_object.credential[0..11]': "48 bytes, the officer's wrapped credential",
      [choice]: `0x${choiceOf(kind, addition)}`,
      [`${secret}[0..${length / 4 - 1}]`]: `${length} bytes, ${what}`,
      write_operation: '0x1 (add)',
    },
    null,
  );
}

/** The plan in lines. */
export function planLines({register, id, fields, login}: Plan): string[] {
  return [
    `write ${register} (${id}); words are big-endian, the first byte of a file first:`,
    ...Object.entries(fields).map(([name, value]) => `  ${name} = ${value}`),
    ...(login
      ? [
          `then a login names import KEK ${login.importKekId}, credential ${login.credentialId}, and what it takes is`,
          `  ${login.wcsFile}`,
          '  DPDK: that line is the file of wcs_file=, beside import_kek_id=0,credential_id=0',
          "  perftest: fold -w 2 | sed 's/^/0x/' makes it the file of --credentials_path",
        ]
      : []),
  ];
}

function plan(register: Register, fields: Plan['fields'], login: Plan['login']): Plan {
  return {register: register.name, id: `0x${register.id.toString(16)}`, fields, login};
}
