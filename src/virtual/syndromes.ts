/** The syndromes of the virtual ConnectX: its own, as shim/firmware/firmware.h has them. A NIC has others. */

export interface Syndrome {
  /** Its name in firmware.h. */
  readonly name: string;
  readonly text: string;
}

const FIRST = 0x0d0001;

/** In their order; undefined where a number is free. */
const IN_ORDER: readonly (readonly [name: string, text: string] | undefined)[] = [
  ['NO_CRYPTO', 'it has no AES-XTS engine'],
  ['NOT_OPERATIONAL', 'it is in commissioning'],
  ['NOT_WRAPPED_IMPORT', 'it takes plaintext DEKs, and no logins'],
  ['SECOND_LOGIN', 'the context has a login already'],
  ['NO_SUCH_KEK', 'no import KEK is loaded under that id'],
  ['NO_SUCH_CREDENTIAL', 'no credential is loaded under that id'],
  ['CREDENTIAL_UNWRAP', 'the credential does not unwrap under that import KEK'],
  ['CREDENTIAL_DIFFERS', 'the credential unwraps, and is not the one that is loaded'],
  ['LOGIN_NEEDED', 'there is no login'],
  ['LOGIN_INVALID', 'the import KEK or the credential of the login was deleted, or the import mode has changed'],
  ['KEY_UNWRAP', 'the key does not unwrap under the import KEK of the login'],
  undefined,
  ['KEYS_EQUAL', 'key1 equals key2, which its policy forbids'],
  ['KEY_SIZE', 'the key size is none of two'],
  ['KEY_PURPOSE', 'the purpose of the key is not AES-XTS'],
  ['NO_SUCH_PD', 'the context has no such protection domain'],
  ['NO_DEK_LEFT', 'it holds as many DEKs as it has room for'],
  ['OBJECT_TYPE', 'it knows no such type of object'],
  ['MAILBOX_LENGTH', 'the command is too short'],
  ['MKEY_CONTEXT', 'the context of the memory key is wrong'],
  ['QP_CONTEXT', 'the context of the queue pair is wrong'],
  ['QP_STATE', 'the queue pair is in another state'],
  ['RESERVED_FIELD', 'a bit is set that this command has no name for'],
  ['CQ_CONTEXT', 'the context of the completion queue is wrong'],
  ['NO_SUCH_REGISTER', 'it has no such register'],
  ['NOT_PRIVILEGED', 'registers are not for users of DEVX'],
  ['ALREADY_OPERATIONAL', 'it has left commissioning already'],
  ['TOKEN_NEEDED', 'the way back to commissioning needs a token'],
  ['NOT_AN_OFFICER', 'the login is not by the credential of an officer'],
  ['NO_ROOM_FOR_KEY', 'it holds as many import KEKs or credentials as it has room for'],
  ['WRITE_OPERATION', 'the register does not know this operation'],
];

/** By number. */
export const SYNDROMES: ReadonlyMap<number, Syndrome> = new Map(
  IN_ORDER.flatMap((entry, i) => (entry ? [[FIRST + i, {name: entry[0], text: entry[1]}] as const] : [])),
);
