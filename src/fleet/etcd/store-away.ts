/** No member of the store could be used in time. */
import {DekError} from '../../errors.js';

export class StoreAway extends DekError<'IO'> {
  /** What each member did. */
  constructor(lost: ReadonlyMap<string, string>) {
    const each = [...lost].map(([member, why]) => `${member}: ${why}`).join('; ');
    super('IO', `no member of etcd could be used: ${each}`, {hint: 'check its address and certificates'});
  }
}
