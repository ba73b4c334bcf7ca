/** A device over a fake library, and what a call on it is refused with. */
import {DekError, type DekErrorCode} from '../../../src/errors.js';
import {Device} from '../../../src/rdma/device.js';
import type {LoginApiName} from '../../../src/rdma/login-api.js';
import {FakeLibrary, type FakeOptions} from './fake-library.js';

/** A wrapped key, which a fake NIC takes. */
export const WRAPPED = {wrapped: new Uint8Array(80).fill(0xaa), keySize: 256, keytag: true} as const;
/** The options of a NIC in plaintext import mode. */
export const PLAINTEXT_NIC: FakeOptions = {caps: {flags: 1, engines: 6, method: 0, logMaxDeks: 4}};

export function open(options?: FakeOptions, api: LoginApiName = 'object'): {fake: FakeLibrary; device: Device} {
  const fake = new FakeLibrary(options);
  return {fake, device: new Device(fake.context, api)};
}

/** The code of the DekError that `call` throws. */
export function code(call: () => unknown): DekErrorCode {
  try {
    call();
  } catch (error) {
    if (error instanceof DekError) return error.code;
    throw error;
  }
  throw new Error('no error');
}
