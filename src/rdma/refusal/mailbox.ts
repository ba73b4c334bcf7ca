/**
 * The firmware commands that make a login and a DEK, as libmlx5 sends them (mlx5_ifc.h): CREATE_GENERAL_OBJECT, a head
 * of 16 bytes and the object, big-endian. They hold a wrapped credential or a key: whoever makes one wipes it.
 */
import {secretBytes} from '../../bytes.js';
import {type LoginOptions, OPAQUE_BYTES} from '../../dek-layout.js';
import {C, MLX5DV_DEK_INIT_ATTR as INIT_ATTR} from '../c-layout.js';

const CREATE_GENERAL_OBJECT = 0x0a00;
const CRYPTO_LOGIN = 0x1f;
const DEK = 0x0c;
const KEY_PURPOSE_AES_XTS = 3;

/** Byte offsets in the command. `key_field` is what a DEK has 128 bytes for. */
const HEAD = {opcode: 0, obj_type: 6} as const;
const LOGIN = {size: 16 + 128, credential_pointer: 32, session_import_kek_ptr: 36, credential: 80} as const;
const DEK_IN = {size: 16 + 256, key_size: 26, has_keytag: 27, key_purpose: 27, pd: 28, opaque: 64, key: 80} as const;
const KEY_FIELD_BYTES = 128;

/** 144 bytes. */
export function loginMailbox({credential, credentialId, importKekId}: LoginOptions): Uint8Array {
  const [bytes, view] = command(LOGIN.size, CRYPTO_LOGIN);
  view.setUint32(LOGIN.credential_pointer, credentialId); // 24 bits, after 8 of zeros
  view.setUint32(LOGIN.session_import_kek_ptr, importKekId);
  bytes.set(credential, LOGIN.credential);
  return bytes;
}

/** 272 bytes, of a struct mlx5dv_dek_init_attr and the number of its protection domain. */
export function dekMailbox(initAttr: Uint8Array, pdn: number): Uint8Array {
  const [bytes, view] = command(DEK_IN.size, DEK);
  const from = new DataView(initAttr.buffer, initAttr.byteOffset, initAttr.byteLength);
  view.setUint8(DEK_IN.key_size, Number(from.getUint32(INIT_ATTR.key_size, true) === C.MLX5DV_CRYPTO_KEY_SIZE_256));
  view.setUint8(DEK_IN.has_keytag, (from.getUint8(INIT_ATTR.has_keytag) << 7) | KEY_PURPOSE_AES_XTS);
  view.setUint32(DEK_IN.pd, pdn);
  bytes.set(initAttr.subarray(INIT_ATTR.opaque, INIT_ATTR.opaque + OPAQUE_BYTES), DEK_IN.opaque);
  bytes.set(initAttr.subarray(INIT_ATTR.key, INIT_ATTR.key + KEY_FIELD_BYTES), DEK_IN.key);
  return bytes;
}

function command(size: number, objType: number): [Uint8Array, DataView] {
  const bytes = secretBytes(size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, size);
  view.setUint16(HEAD.opcode, CREATE_GENERAL_OBJECT);
  view.setUint16(HEAD.obj_type, objType);
  return [bytes, view];
}
