/** What a request to the agent says beside its route, made of what a caller gives, which may be anything. */
import {assertInteger, toHex, viewBytes} from '../bytes.js';
import {
  DCV_BYTES,
  DEK_WRAPPED_BYTES,
  KEYTAG_BYTES,
  type LoginOptions,
  MAX_ID,
  OPAQUE_LENGTHS,
  WRAPPED_CREDENTIAL_BYTES,
} from '../dek-layout.js';
import {assertDekName} from '../dek-name.js';
import {DekError} from '../errors.js';
import {given} from '../given.js';
import {
  type ApplyRequest,
  assertShare,
  type CreateRequest,
  type DestroyRequest,
  type ProveRequest,
} from './protocol.js';

export interface Asked {
  /** Of a DEK. */
  name?: string;
  query?: string;
  body?: Uint8Array | undefined;
}

/** Throws BAD_ARGUMENT, as all below. */
export function askedLogin(options: LoginOptions): Asked {
  return given('options', 'a login', () => {
    const {credential, credentialId, importKekId} = options;
    const body = viewBytes(credential, [WRAPPED_CREDENTIAL_BYTES], 'credential');
    assertInteger(credentialId, 0, MAX_ID, 'credentialId');
    assertInteger(importKekId, 0, MAX_ID, 'importKekId');
    return {query: `credentialId=${credentialId}&importKekId=${importKekId}`, body};
  });
}

export function askedCreate(request: CreateRequest): Asked {
  return given('request', 'a DEK to create', () => {
    const {name, opaque, wrapped, plaintext, dcv, keytagValue} = request;
    assertDekName(name);
    const label = viewBytes(opaque, OPAQUE_LENGTHS, 'opaque');
    if ((wrapped === undefined) === (plaintext === undefined)) {
      throw new DekError('BAD_ARGUMENT', 'expected either "wrapped" or "plaintext"');
    }
    const query = new URLSearchParams({import: wrapped ? 'wrapped' : 'plaintext', opaque: toHex(label)});
    if (dcv !== undefined) query.set('dcv', toHex(viewBytes(dcv, [DCV_BYTES], 'dcv')));
    if (keytagValue !== undefined) {
      query.set('keytagValue', toHex(viewBytes(keytagValue, [KEYTAG_BYTES], 'keytagValue')));
    }
    const body = wrapped === undefined ? undefined : viewBytes(wrapped, DEK_WRAPPED_BYTES, 'wrapped');
    if (plaintext !== undefined) {
      assertInteger(plaintext.fd, 0, 0x7fffffff, 'fd');
      query.set('fd', `${plaintext.fd}`);
      if (plaintext.format !== undefined) query.set('format', plaintext.format);
      if (plaintext.allowEqualKeys) query.set('allowEqualKeys', 'true');
    }
    return {name, query: `${query}`, body};
  });
}

export function askedDek(name: string): Asked {
  given('name', 'the name of a DEK', () => assertDekName(name));
  return {name};
}

/** Which DEKs. */
export function askedDeks(which: DestroyRequest): Asked {
  return given('which', '"names" or "all": true', () => {
    const {all, names = []} = which as {all?: boolean; names?: readonly string[]};
    if ((all === true) === names.length > 0) {
      throw new DekError('BAD_ARGUMENT', 'expected either "names" or "all": true');
    }
    names.forEach(assertDekName);
    return {query: all ? 'all=true' : names.map((name) => `name=${encodeURIComponent(name)}`).join('&')};
  });
}

export function askedProofs(which: ProveRequest): Asked {
  const {query} = askedDeks(which);
  return {query: `${query}${given('which', 'what to prove', () => which.record) ? '&record=true' : ''}`};
}

export function askedApply(request: ApplyRequest): Asked {
  return given('asked', 'what to apply', () => {
    const {dryRun, keepGoing, path, kek, kekFormat} = request;
    const query = new URLSearchParams({dryRun: `${dryRun}`, keepGoing: `${keepGoing}`});
    if (request.query) query.set('query', 'true');
    if (request.prove !== undefined) query.set('prove', `${assertShare(request.prove)}`);
    if (path !== undefined) query.set('path', path);
    if (kek !== undefined) query.set('kek', kek);
    if (kekFormat !== undefined) query.set('kekFormat', kekFormat);
    for (const name of request.replaceKeys ?? []) query.append('replaceKey', name);
    return {query: `${query}`};
  });
}
