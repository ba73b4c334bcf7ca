/** The numbers of KMIP that are used here: specification 1.4 section 9.1.3, 2.0 section 11. */

export const TAG = {
  attribute: 0x420008,
  attributeName: 0x42000a,
  attributeValue: 0x42000b,
  batchCount: 0x42000d,
  batchItem: 0x42000f,
  blockCipherMode: 0x420011,
  cryptographicAlgorithm: 0x420028,
  cryptographicLength: 0x42002a,
  cryptographicParameters: 0x42002b,
  cryptographicUsageMask: 0x42002c,
  encryptionKeyInformation: 0x420036,
  keyBlock: 0x420040,
  keyFormatType: 0x420042,
  keyMaterial: 0x420043,
  keyValue: 0x420045,
  keyWrappingData: 0x420046,
  keyWrappingSpecification: 0x420047,
  maximumItems: 0x42004f,
  name: 0x420053,
  nameType: 0x420054,
  nameValue: 0x420055,
  objectGroup: 0x420056,
  objectType: 0x420057,
  operation: 0x42005c,
  protocolVersion: 0x420069,
  protocolVersionMajor: 0x42006a,
  protocolVersionMinor: 0x42006b,
  requestHeader: 0x420077,
  requestMessage: 0x420078,
  requestPayload: 0x420079,
  responseHeader: 0x42007a,
  responseMessage: 0x42007b,
  responsePayload: 0x42007c,
  resultMessage: 0x42007d,
  resultReason: 0x42007e,
  resultStatus: 0x42007f,
  secretData: 0x420085,
  state: 0x42008d,
  symmetricKey: 0x42008f,
  templateAttribute: 0x420091,
  uniqueIdentifier: 0x420094,
  wrappingMethod: 0x42009e,
  encodingOption: 0x4200a3,
  offsetItems: 0x4200d4,
  attributes: 0x420125,
  attributeReference: 0x42013b,
} as const;

export const OPERATION = {create: 1, locate: 8, get: 10, getAttributes: 11, destroy: 20, discoverVersions: 30} as const;
export const OBJECT_TYPE = {symmetricKey: 2, secretData: 7} as const;
export const STATE = {preActive: 1, active: 2, deactivated: 3, compromised: 4, destroyed: 5} as const;
export const USAGE = {encrypt: 4, decrypt: 8, wrapKey: 16} as const;
export const AES = 3;
/** Key formats. */
export const RAW = 1;
export const OPAQUE = 2;
export const WRAPPING_ENCRYPT = 1;
/** Block cipher mode: RFC 3394. */
export const NIST_KEY_WRAP = 13;
export const NO_ENCODING = 1;
export const UNINTERPRETED_TEXT = 1;

/** Attributes by their name up to 1.4 and their tag from 2.0 on. */
export const ATTRIBUTES = {
  name: ['Name', TAG.name],
  objectGroup: ['Object Group', TAG.objectGroup],
  objectType: ['Object Type', TAG.objectType],
  algorithm: ['Cryptographic Algorithm', TAG.cryptographicAlgorithm],
  length: ['Cryptographic Length', TAG.cryptographicLength],
  usageMask: ['Cryptographic Usage Mask', TAG.cryptographicUsageMask],
  state: ['State', TAG.state],
} as const;

export type AttributeName = keyof typeof ATTRIBUTES;
