/** Changes on several NICs of which one may refuse: what the others have then. */
import type {DekError} from '../../errors.js';
import {loseHandle} from '../nic/held-dek.js';
import type {Nic} from '../nic/nic.js';

/** Changes the login of all these NICs, or of none: where one refuses, the others get back what they had. */
export async function changeLogins(nics: readonly Nic[], change: (nic: Nic) => Promise<void>): Promise<void> {
  const before = nics.map(({login}) => login.last);
  let changed = 0;
  try {
    for (const nic of nics) {
      changed++;
      await change(nic);
    }
  } catch (error) {
    for (const [i, nic] of nics.slice(0, changed).entries()) await nic.login.restore(before[i]);
    throw error;
  }
}

/** Destroys what it can, which is missing then; why it could not the rest, by name. */
export async function destroyOn(nic: Nic, names: readonly string[]): Promise<Map<string, DekError>> {
  const alive = names.flatMap((name) => {
    const held = nic.deks.get(name);
    return held?.dek && !nic.gone ? [[name, held, held.dek] as const] : [];
  });
  const results = await nic.destroy(alive.map(([, , dek]) => dek));
  const failed = new Map<string, DekError>();
  for (const [i, [name, held]] of alive.entries()) {
    const error = results[i];
    if (error) failed.set(name, error);
    else {
      loseHandle(held);
      held.state = 'UNKNOWN';
    }
  }
  return failed;
}
