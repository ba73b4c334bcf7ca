/**
 * Which ways go to the registers of a NIC. Two are known, and tried in this order: fwctl, which is made for it, and
 * DEVX, whose users the firmware may not let there. What keeps each from going is told.
 */
import {DekError} from '../../errors.js';
import type {DeviceInfo} from '../../rdma/index.js';
import {describeStatus} from '../../rdma/refusal/status.js';
import {CRYPTO_OPERATIONAL} from '../registers/registers.js';
import {accessRegister, type Way, type WayName} from './way.js';

/** A way that does not go, and why. */
export interface ClosedWay {
  readonly name: WayName;
  readonly error: DekError;
}

/** The ways that were tried: the first that goes, and those before it that do not. The caller closes it. */
export async function findWay(info: DeviceInfo): Promise<{way: Way | undefined; closed: ClosedWay[]}> {
  const closed: ClosedWay[] = [];
  for (const [name, open] of Object.entries(WAYS) as [WayName, (info: DeviceInfo) => Promise<Way>][]) {
    try {
      const way = await open(info);
      const error = probe(way);
      if (!error) return {way, closed};
      way.close();
      closed.push({name, error});
    } catch (error) {
      if (!(error instanceof DekError)) throw error;
      closed.push({name, error});
    }
  }
  return {way: undefined, closed};
}

/** The first way that goes, which the caller closes. Throws why none does. */
export async function openWay(info: DeviceInfo): Promise<Way> {
  const {way, closed} = await findWay(info);
  if (way) return way;
  const code = closed.some(({error}) => error.code === 'PERMISSION') ? 'PERMISSION' : closed[0]!.error.code;
  const reasons = closed.map(({name, error}) => `${name}: ${error.message}`);
  const hints = closed.flatMap(({name, error}) => (error.hint === undefined ? [] : [`for ${name}: ${error.hint}`]));
  throw new DekError(code, `no way to the officer's registers of ${info.name}: ${reasons.join('; ')}`, {
    hint: [...hints, '`dek officer operational` and `add` tell by --plan what to write by other means'].join('; '),
  });
}

const WAYS: Readonly<Record<WayName, (info: DeviceInfo) => Promise<Way>>> = {
  fwctl: async (info) => (await import('./fwctl.js')).openFwctl(info),
  DEVX: async (info) => (await import('./devx.js')).openDevx(info),
};

/** Reads the register that any NIC with wrapped import has. */
function probe(way: Way): DekError | undefined {
  try {
    const {status, syndrome} = accessRegister(way, CRYPTO_OPERATIONAL, new Uint8Array(), false);
    if (status === 0) return undefined;
    return new DekError('UNSUPPORTED', `the firmware does not let it there (${describeStatus(status, syndrome)})`);
  } catch (error) {
    if (error instanceof DekError) return error;
    throw error;
  }
}
