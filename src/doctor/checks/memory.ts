/** Memory: how secrets are kept, and how much may be locked, which proofs and columns of keys need. */
import {secretKeeping} from '../../memory/arena.js';
import {lockableBytes} from '../../memory/protect.js';
import {type Check, found, well} from '../check.js';

/** What a proof registers with the NIC, and what secrets need beside it. */
const ENOUGH_BYTES = 1 << 20;

const KEEPINGS = {
  memfd_secret: 'secrets in memory that no other process sees, the kernel neither (memfd_secret)',
  mlock2: 'secrets in locked memory',
  none: 'secrets in ordinary memory',
} as const;

export const memory: Check = {
  name: 'memory',
  verdicts: {
    'memlock-low': {
      level: 'fix',
      text: 'too little memory may be locked: proofs fail, and keys may go to swap',
      fix: 'raise ulimit -l, or LimitMEMLOCK= of the systemd unit, to 8 MiB or more; seccomp may forbid mlock2(2)',
    },
  },
  look() {
    const lockable = lockableBytes();
    const limit = lockable === Number.POSITIVE_INFINITY ? 'no limit' : `limit ${Math.floor(lockable / 1024)} KiB`;
    const keeping = secretKeeping();
    const seen = `${KEEPINGS[keeping]}; ${limit} of locked memory`;
    return [lockable < ENOUGH_BYTES || keeping === 'none' ? found('memlock-low', seen) : well(seen)];
  },
};
