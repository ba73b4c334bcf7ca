/** Memory: how secrets are kept, and how much this process and the agent may lock, which proofs and keys need. */
import fs from 'node:fs';
import {DekError} from '../../../errors.js';
import {secretKeeping} from '../../../memory/arena.js';
import {type Check, found, well} from '../../check.js';

/** What a proof registers with the NIC, and what secrets need beside it. */
const ENOUGH_BYTES = 1 << 20;

const KEEPINGS = {
  memfd_secret: 'secrets in memory that no other process sees, the kernel neither (memfd_secret)',
  mlock2: 'secrets in locked memory',
  none: 'secrets in ordinary memory',
} as const;

/** CAP_IPC_LOCK, by which a process may lock as much as there is: capabilities(7). */
const CAP_IPC_LOCK = 14n;

export const memory: Check = {
  name: 'memory',
  verdicts: {
    'memlock-low': {
      level: 'fix',
      text: 'too little memory may be locked: proofs fail, and keys may go to swap',
      fix: 'raise ulimit -l to 8 MiB or more; seccomp may forbid mlock2(2)',
    },
    'agent-memlock-low': {
      level: 'fix',
      text: 'the agent may lock too little memory: its proofs fail, and its keys may go to swap',
      fix: 'set LimitMEMLOCK=8M or more in its systemd unit (systemctl edit dek-agent), and restart it',
    },
  },
  async look(scene) {
    const keeping = secretKeeping();
    const own = lockableOf('self') ?? Number.POSITIVE_INFINITY;
    const seen = `${KEEPINGS[keeping]}; ${limitText(own)} of locked memory`;
    const findings = [own < ENOUGH_BYTES || keeping === 'none' ? found('memlock-low', seen) : well(seen)];
    const agent = await scene.agent();
    const limit = agent instanceof DekError ? undefined : lockableOf(agent.pid);
    if (limit !== undefined) {
      const words = `the agent: ${limitText(limit)} of locked memory`;
      findings.push(limit < ENOUGH_BYTES ? found('agent-memlock-low', words) : well(words));
    }
    return findings;
  },
};

/** How many bytes a process may lock, by proc(5); undefined: that is not told. */
function lockableOf(pid: number | 'self'): number | undefined {
  const [limits, status] = [textOf(pid, 'limits'), textOf(pid, 'status')];
  const [, bytes] = /^Max locked memory +(\d+|unlimited) /m.exec(limits ?? '') ?? [];
  const [, capabilities] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status ?? '') ?? [];
  if (bytes === undefined) return undefined;
  const isFree = capabilities !== undefined && ((BigInt(`0x${capabilities}`) >> CAP_IPC_LOCK) & 1n) === 1n;
  return isFree || bytes === 'unlimited' ? Number.POSITIVE_INFINITY : Number(bytes);
}

function textOf(pid: number | 'self', name: string): string | undefined {
  try {
    return fs.readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return undefined;
  }
}

function limitText(bytes: number): string {
  return bytes === Number.POSITIVE_INFINITY ? 'no limit' : `limit ${Math.floor(bytes / 1024)} KiB`;
}
