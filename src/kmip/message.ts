/** Request and response messages of KMIP: one operation each. Specification 1.4, section 7. */
import {DekError, type DekErrorCode} from '../errors.js';
import type {Version} from './attributes.js';
import {TAG} from './tags.js';
import {decode, encode, enumeration, type Item, integer, structure, TYPE} from './ttlv.js';

/** A version as requests name it. */
export function versionItem({major, minor}: Version): Item {
  return structure(
    TAG.protocolVersion,
    integer(TAG.protocolVersionMajor, major),
    integer(TAG.protocolVersionMinor, minor),
  );
}

export function formatRequest(version: Version, operation: number, payload: readonly Item[]): Uint8Array {
  return encode(
    structure(
      TAG.requestMessage,
      structure(TAG.requestHeader, versionItem(version), integer(TAG.batchCount, 1)),
      structure(TAG.batchItem, enumeration(TAG.operation, operation), structure(TAG.requestPayload, ...payload)),
    ),
  );
}

const SUCCESS = 0;

/** By result reason, section 9.1.3.2.29; what is not here is REFUSED. */
const REASONS: Readonly<Record<number, readonly [name: string, code: DekErrorCode, hint?: string]>> = {
  1: ['Item Not Found', 'NO_INPUT', 'is it the unique identifier of a key that this client may use?'],
  3: ['Authentication Not Successful', 'PERMISSION', "the server does not know this client's certificate"],
  5: ['Operation Not Supported', 'UNSUPPORTED'],
  7: ['Invalid Field', 'REFUSED'],
  8: ['Feature Not Supported', 'UNSUPPORTED'],
  10: ['Cryptographic Failure', 'REFUSED'],
  11: ['Illegal Operation', 'REFUSED'],
  12: ['Permission Denied', 'PERMISSION', 'the server allows this client less, or the key is not active'],
  18: ['Encoding Option Error', 'UNSUPPORTED'],
  22: ['Sensitive', 'PERMISSION'],
  23: ['Not Extractable', 'PERMISSION'],
  55: ['Object Not Found', 'NO_INPUT', 'is it the unique identifier of a key that this client may use?'],
  50: ['Key Wrap Type Not Supported', 'UNSUPPORTED'],
};

/**
 * The payload of the one answer in a response, to this operation. Throws BAD_INPUT when it is something else; the
 * server's own error, whose words are repeated.
 */
export function parseResponse(bytes: Uint8Array, operation: number): readonly Item[] {
  const message = decode(bytes);
  if (message.tag !== TAG.responseMessage || message.type !== TYPE.structure) throw other('no response message');
  const items = message.value.filter(({tag}) => tag === TAG.batchItem);
  const header = childrenOf(message.value, TAG.responseHeader);
  if (numberIn(header, TAG.batchCount) !== 1 || items.length !== 1) throw other('not one answer to one request');
  const [item] = items;
  if (item?.type !== TYPE.structure) throw other('an answer that is no structure');
  const status = numberIn(item.value, TAG.resultStatus);
  if (status !== SUCCESS) throw refusal(item.value);
  if (numberIn(item.value, TAG.operation) !== operation) throw other('the answer to another operation');
  return childrenOf(item.value, TAG.responsePayload);
}

/** The items of the first structure with this tag; none where there is no such structure. */
export function childrenOf(items: readonly Item[], tag: number): readonly Item[] {
  const found = items.find((item) => item.tag === tag);
  return found?.type === TYPE.structure ? found.value : [];
}

/** The value of the first number with this tag. */
export function numberIn(items: readonly Item[], tag: number): number | undefined {
  const value = items.find((item) => item.tag === tag)?.value;
  return typeof value === 'number' ? value : undefined;
}

/** The value of the first text with this tag. */
export function textIn(items: readonly Item[], tag: number): string | undefined {
  const value = items.find((item) => item.tag === tag)?.value;
  return typeof value === 'string' ? value : undefined;
}

/** An answer that does not fit what was asked. */
export function other(what: string): DekError<'BAD_INPUT'> {
  return new DekError('BAD_INPUT', `answered something else: ${what}`);
}

function refusal(item: readonly Item[]): DekError {
  const reason = numberIn(item, TAG.resultReason) ?? 0;
  const [name, code, hint] = REASONS[reason] ?? [`reason 0x${reason.toString(16)}`, 'REFUSED'];
  const words = textIn(item, TAG.resultMessage);
  return new DekError(code, `refused: ${words ?? 'it says no more'} (${name})`, {hint});
}
