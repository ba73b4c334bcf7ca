/**
 * All kinds of sources, by what their text begins with: the one list from which help, manual, completion and messages
 * come. One more is a file of its own and an entry here.
 */
import {orList} from '../../bytes.js';
import type {KekModule} from '../wrappers/wrapper.js';
import type {SourceModule} from './source.js';

interface Kind {
  /** How help and messages write it. */
  readonly form: string;
  /** The form in the manual, if it says more. */
  readonly fullForm?: string;
  /** What it is: sentences for the manual. */
  readonly is: string;
  /** Whether it gives the same again when it is asked later, as an agent has to ask. */
  readonly isLasting: boolean;
}

/** A kind of source that gives bytes to this process. */
export interface SourceKind extends Kind {
  readonly load: () => Promise<SourceModule>;
}

/** A kind of place where a KEK stays, and wraps there. */
export interface WrapperKind extends Kind {
  readonly load: () => Promise<KekModule>;
}

/** By the scheme, which a colon follows; '-' is standard input. */
export const SOURCES: Readonly<Record<string, SourceKind>> = {
  file: {
    form: 'file:PATH',
    is: 'A regular file that no one else can read (mode 0600 or less), or a named pipe.',
    isLasting: true,
    load: () => import('./file.js'),
  },
  fd: {
    form: 'fd:N',
    is: 'An open file descriptor.',
    isLasting: false,
    load: () => import('./descriptor.js'),
  },
  '-': {
    form: '- (stdin)',
    fullForm: '-',
    is: 'Standard input.',
    isLasting: false,
    load: () => import('./descriptor.js'),
  },
  cred: {
    form: 'cred:NAME',
    is: 'A systemd credential, in $CREDENTIALS_DIRECTORY.',
    isLasting: true,
    load: () => import('./credential.js'),
  },
  cmd: {
    form: 'cmd:COMMAND',
    fullForm: 'cmd:COMMAND LINE',
    is:
      'What a program writes to its standard output, within 60 seconds, and ends with status 0. ' +
      'The line is split into words as systemd does with ExecStart=, without a shell, variables or redirections. ' +
      'The standard input of the program is empty, and what it writes to its standard error goes to that of dek.',
    isLasting: true,
    load: () => import('./command.js'),
  },
  keyring: {
    form: 'keyring:user:DESCRIPTION',
    is:
      "A key of the type user in the kernel's ring of the session, of the user or of the process, keyrings(7). " +
      'Keys of the types encrypted and logon cannot be read back.',
    isLasting: true,
    load: () => import('./keyring.js'),
  },
};

/** The same for an import KEK that does not come to this process. */
export const WRAPPERS: Readonly<Record<string, WrapperKind>> = {
  pkcs11: {
    form: 'pkcs11:URI',
    fullForm: 'pkcs11:token=NAME;object=NAME?module-path=PATH&pin-source=SOURCE',
    is:
      'Only for an import KEK or a sealing key: an AES key in a PKCS #11 token (RFC 7512), which wraps and unwraps ' +
      'there by CKM_AES_KEY_WRAP and never leaves it. The PIN comes from a SOURCE, and is tried once.',
    isLasting: true,
    load: () => import('../wrappers/pkcs11.js'),
  },
  afalg: {
    form: 'afalg:TYPE:DESCRIPTION',
    is:
      "Only for an import KEK: a key of the type user, logon, encrypted or trusted in the kernel's rings, with which " +
      'the kernel wraps (AF_ALG, Linux 6.2 or later); it does not come to this process. Deprecated by Linux 7.2.',
    isLasting: true,
    load: () => import('../wrappers/afalg.js'),
  },
  kmip: {
    form: 'kmip:URI',
    fullForm: 'kmip://HOST[,HOST]/ID?cert=SOURCE&key=SOURCE&ca=FILE',
    is:
      'Only for an import KEK: an AES key at KMIP servers, which make keys and wrap them there; it never leaves ' +
      'them. Client and servers show each other certificates, in PEM; the next HOST is tried when one is lost.',
    isLasting: false, // an agent has to unwrap with it, and that it does not
    load: () => import('../wrappers/kmip.js'),
  },
};

/** `file:PATH, fd:N, - (stdin) or cred:NAME`: where a secret may come from. */
export const SOURCE_FORMS = forms(SOURCES);
/** Where an import KEK may be. */
export const KEK_FORMS = forms({...SOURCES, ...WRAPPERS});
/** Those of them that an agent can ask again later. */
export const LASTING_KEK_FORMS = forms({...SOURCES, ...WRAPPERS}, ({isLasting}) => isLasting);

function forms(kinds: Readonly<Record<string, Kind>>, which: (kind: Kind) => boolean = () => true): string {
  return orList(
    Object.values(kinds)
      .filter(which)
      .map(({form}) => form),
  );
}

/** The entry of `kinds` that `spec` begins with, and what follows its colon. */
export function kindOf<K extends Kind>(
  spec: string,
  kinds: Readonly<Record<string, K>>,
): {kind: K; rest: string} | undefined {
  const scheme = spec === '-' ? '-' : /^([a-z\d]+):/.exec(spec)?.[1];
  if (scheme === undefined || !Object.hasOwn(kinds, scheme)) return undefined;
  return {kind: kinds[scheme]!, rest: spec.slice(scheme.length + 1)};
}
