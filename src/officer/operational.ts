/** The step of a card from commissioning to operational: all of its functions, with one first KEK and credential. */
import {DekError, type ErrorJson, errorJson} from '../errors.js';
import type {DeviceInfo} from '../rdma/index.js';
import {Officer} from './officer.js';

/** What became of a function. */
export interface Step {
  readonly device: string;
  /** done: it is operational now; already: it was before, with what it has; left: it was not to be done; failed. */
  readonly outcome: 'done' | 'already' | 'left' | 'failed';
  readonly error?: ErrorJson['error'];
}

/** A way to each function. Throws before anything is written when there is none to one of them. */
export async function openFunctions(functions: readonly DeviceInfo[]): Promise<Map<DeviceInfo, Officer>> {
  const officers = new Map<DeviceInfo, Officer>();
  try {
    for (const info of functions) officers.set(info, await Officer.open(info));
    return officers;
  } catch (error) {
    for (const officer of officers.values()) officer.close();
    throw error;
  }
}

/** Makes those operational that are not. Goes on after one that refuses. */
export function makeAllOperational(officers: Iterable<Officer>, kek: Uint8Array, credential: Uint8Array): Step[] {
  return [...officers].map((officer): Step => {
    const {name: device} = officer.info;
    try {
      if (officer.state().operational) return {device, outcome: 'already'};
      officer.makeOperational(kek, credential);
      return {device, outcome: 'done'};
    } catch (error) {
      if (!(error instanceof DekError)) throw error;
      return {device, outcome: 'failed', ...errorJson(error)};
    }
  });
}
