/**
 * The two login APIs of libmlx5 under one shape. `object` makes a login object that each DEK names
 * (mlx5dv_crypto_login_create(3), rdma-core >= 42); `session` sets one inside the context (mlx5dv_crypto_login(3)).
 * To the NIC they are the same command.
 */
import {secretBytes, wipe} from '../bytes.js';
import {DekError} from '../errors.js';
import {
  MLX5DV_CRYPTO_LOGIN_ATTR as ATTR,
  MLX5DV_CRYPTO_LOGIN_ATTR_EX as ATTR_EX,
  MLX5DV_CRYPTO_LOGIN_QUERY_ATTR as QUERY_ATTR,
} from './c-layout.js';
import type {ContextPtr, Library, LoginObjects, LoginPtr} from './ffi.js';
import {call, type Steps} from './steps.js';

/**
 * The two login APIs of libmlx5: mlx5dv_crypto_login(3), of the context; mlx5dv_crypto_login_create(3), an object, from
 * rdma-core 42 on.
 */
export type LoginApiName = 'object' | 'session';

/** `errno` is 0 or positive. */
export interface LoginCalls {
  /**
   * `credential` has 48 bytes: the object API copies as many as it is told, without a check. It lives until the end.
   */
  login(
    lib: Library,
    context: ContextPtr,
    credential: Uint8Array,
    credentialId: number,
    importKekId: number,
  ): Steps<{errno: number; object: LoginPtr | null}>;
  /** Writes the state as u32 to the first bytes of `state`, which has room for QUERY_ATTR.size. */
  query(lib: Library, context: ContextPtr, object: LoginPtr | null, state: Uint8Array): Steps<number>;
  logout(lib: Library, context: ContextPtr, object: LoginPtr | null): Steps<number>;
}

const session: LoginCalls = {
  *login(lib, context, credential, credentialId, importKekId) {
    const attr = secretBytes(ATTR.size);
    try {
      const view = new DataView(attr.buffer);
      view.setUint32(ATTR.credential_id, credentialId, true);
      view.setUint32(ATTR.import_kek_id, importKekId, true);
      attr.set(credential, ATTR.credential);
      const {result: errno} = yield* call(lib.mlx5dv_crypto_login, context, attr);
      return {errno, object: null};
    } finally {
      wipe(attr);
    }
  },
  *query(lib, context, _object, state) {
    return (yield* call(lib.mlx5dv_crypto_login_query_state, context, state)).result;
  },
  *logout(lib, context) {
    return (yield* call(lib.mlx5dv_crypto_logout, context)).result;
  },
};

const object: LoginCalls = {
  *login(lib, context, credential, credentialId, importKekId) {
    const attr = new Uint8Array(new ArrayBuffer(ATTR_EX.size));
    const view = new DataView(attr.buffer);
    view.setUint32(ATTR_EX.credential_id, credentialId, true);
    view.setUint32(ATTR_EX.import_kek_id, importKekId, true);
    view.setBigUint64(ATTR_EX.credential, lib.addressOf(credential), true);
    view.setBigUint64(ATTR_EX.credential_len, BigInt(credential.length), true);
    const {result: login, errno} = yield* call(loginObjects(lib).mlx5dv_crypto_login_create, context, attr);
    return login === null ? {errno, object: null} : {errno: 0, object: login};
  },
  *query(lib, _context, login, state) {
    const attr = state.fill(0, 0, QUERY_ATTR.size);
    return (yield* call(loginObjects(lib).mlx5dv_crypto_login_query, login!, attr)).result;
  },
  *logout(lib, _context, login) {
    return (yield* call(loginObjects(lib).mlx5dv_crypto_login_destroy, login!)).result;
  },
};

export const LOGIN_APIS: Readonly<Record<LoginApiName, LoginCalls>> = {object, session};

function loginObjects(lib: Library): LoginObjects {
  if (lib.loginObjects !== undefined) return lib.loginObjects;
  throw new DekError('UNSUPPORTED', 'login objects need rdma-core 42 or later');
}
