/** The step of a card from commissioning to operational: all of its functions, with one first KEK and credential. */
import {DekError, type ErrorJson, errorJson} from '../errors.js';
import type {DeviceInfo} from '../rdma/index.js';
import {Officer} from './officer.js';

/** What became of a function. */
export interface Step {
  readonly device: string;
  /** done: it is operational now; already: it was before; left: as it is, for an error or because of --only. */
  readonly outcome: 'done' | 'already' | 'left' | 'failed';
  readonly error?: ErrorJson['error'];
}

/** A way to each function, and those to which none goes, which are left. Throws when none goes to any. */
export async function openFunctions(
  functions: readonly DeviceInfo[],
): Promise<{officers: readonly Officer[]; left: readonly Step[]}> {
  const officers: Officer[] = [];
  const left: Step[] = [];
  let first: DekError | undefined;
  for (const info of functions) {
    try {
      officers.push(await Officer.open(info));
    } catch (error) {
      if (!(error instanceof DekError)) throw error;
      first ??= error;
      left.push({device: info.name, outcome: 'left', ...errorJson(error)});
    }
  }
  if (officers.length === 0 && first) throw first;
  return {officers, left};
}

/** Makes those operational that are not. Goes on after one that refuses. */
export function makeAllOperational(officers: readonly Officer[], kek: Uint8Array, credential: Uint8Array): Step[] {
  return officers.map((officer): Step => {
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
