/** The other end of child.ts: runs the functions that come as source. */
import {expect} from 'chai';
import {DekError} from '../../src/errors.js';
import {assertAccess} from '../../src/rdma/device.js';
import * as rdma from '../../src/rdma/index.js';
import * as dcv from '../../src/wrap/dcv/dcv.js';

/** The error that `call` throws (or rejects with), which has to be a DekError of `code`. */
async function refusal(code: string, call: () => unknown): Promise<DekError> {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof DekError)) throw error;
    expect(error.code, error.message).to.equal(code);
    return error;
  }
  throw new Error(`expected ${code}, got no error`);
}

const kit = {
  ...rdma,
  ...dcv,
  assertAccess,
  expect,
  refusal,
  /** Bytes from the hex that JSON carries. */
  bytes: (hex: string) => new Uint8Array(Buffer.from(hex, 'hex')),
  /** Tells a DEK from an error in what `createDeks` resolves with. */
  isDek: (result: rdma.Dek | DekError): result is rdma.Dek => !(result instanceof DekError),
  /** What one function leaves for the next. */
  kept: {} as {device?: rdma.Device; login?: rdma.Login; dek?: rdma.Dek; deks?: rdma.Dek[]; prover?: rdma.Prover},
  import: (name: string) => import(name),
};
export type Kit = typeof kit;

process.on('message', async ({source, args}: {source: string; args: unknown}) => {
  try {
    const body = new Function(`return (${source})`)() as (kit: Kit, args: unknown) => unknown;
    process.send!({ok: true, value: await body(kit, args)});
  } catch (error) {
    const {message, stack} = error as Error;
    process.send!({ok: false, message, stack});
  }
});
