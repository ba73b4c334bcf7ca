/**
 * Get with a Key Wrapping Specification, section 4.11 and 2.1.6 of KMIP 1.4: the server wraps the bytes of the key, and
 * nothing around them, by RFC 3394. A server may wrap otherwise, by another key, or not at all: what it says that it
 * did has to be what it was asked for.
 */
import {childrenOf, numberIn, other, textIn} from './message.js';
import {NIST_KEY_WRAP, NO_ENCODING, OBJECT_TYPE, OPAQUE, RAW, TAG, WRAPPING_ENCRYPT} from './tags.js';
import {enumeration, type Item, structure, TYPE, text} from './ttlv.js';

/** The item of a request. */
export function specificationItem(kekId: string): Item {
  return structure(
    TAG.keyWrappingSpecification,
    enumeration(TAG.wrappingMethod, WRAPPING_ENCRYPT),
    structure(
      TAG.encryptionKeyInformation,
      text(TAG.uniqueIdentifier, kekId),
      structure(TAG.cryptographicParameters, enumeration(TAG.blockCipherMode, NIST_KEY_WRAP)),
    ),
    enumeration(TAG.encodingOption, NO_ENCODING),
  );
}

/** The wrapped bytes in the payload of the answer. Throws BAD_INPUT when it is not what was asked for. */
export function wrappedKeyIn(payload: readonly Item[], kekId: string): Uint8Array {
  const type = numberIn(payload, TAG.objectType);
  const object = type === OBJECT_TYPE.secretData ? TAG.secretData : TAG.symmetricKey;
  if (type !== OBJECT_TYPE.symmetricKey && type !== OBJECT_TYPE.secretData) throw other('no key');
  const block = childrenOf(childrenOf(payload, object), TAG.keyBlock);
  const data = childrenOf(block, TAG.keyWrappingData);
  if (data.length === 0) throw other('a key in the clear, which dek does not take');
  const information = childrenOf(data, TAG.encryptionKeyInformation);
  const mode = numberIn(childrenOf(information, TAG.cryptographicParameters), TAG.blockCipherMode);
  const format = numberIn(block, TAG.keyFormatType);
  if (format !== RAW && !(object === TAG.secretData && format === OPAQUE)) throw other('a key that is not raw');
  if (numberIn(data, TAG.wrappingMethod) !== WRAPPING_ENCRYPT || mode !== NIST_KEY_WRAP) {
    throw other('a key that is wrapped otherwise than by RFC 3394');
  }
  if (textIn(information, TAG.uniqueIdentifier) !== kekId) throw other('a key that is wrapped by another key');
  if (numberIn(data, TAG.encodingOption) !== NO_ENCODING) throw other('a key that was encoded before it was wrapped');
  return materialIn(block);
}

/** Section 2.1.3: a wrapped key value may be bytes; without an encoding it is the material in a structure. */
function materialIn(block: readonly Item[]): Uint8Array {
  const values = block.filter(({tag}) => tag === TAG.keyValue);
  const [value] = values;
  if (values.length !== 1 || value === undefined) throw other('not one key value');
  if (value.type === TYPE.bytes) return value.value;
  const [material, ...more] = childrenOf(block, TAG.keyValue).filter(({tag}) => tag === TAG.keyMaterial);
  if (material?.type === TYPE.bytes && more.length === 0) return material.value;
  throw other('no key material');
}
