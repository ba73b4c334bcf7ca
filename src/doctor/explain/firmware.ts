/** Statuses and syndromes of firmware, as `dek explain` has them. */
import {type Asked, CAUSES} from '../../rdma/refusal/causes.js';
import {STATUS_ERRNOS, STATUSES, type StatusName, statusText, syndromeText} from '../../rdma/refusal/status.js';
import {SYNDROMES} from '../../virtual/syndromes.js';
import type {Explanation} from './explanation.js';

const KERNEL = {seen: 'the kernel: include/linux/mlx5/device.h'} as const;

const ASKED: Readonly<Record<Asked, string>> = {
  login: 'a login',
  wrapped: 'a wrapped DEK',
  plaintext: 'a plaintext DEK',
};

/** What a status means: its name and errno, then for each of what may be asked. */
export function explainStatus(name: StatusName): Explanation[] {
  const errno = STATUS_ERRNOS[name] ?? 'EIO';
  const itself = {
    kind: 'status',
    name,
    of: null,
    text: `firmware status ${statusText(STATUSES[name])}; libmlx5 makes ${errno} of it (before rdma-core 40 EREMOTEIO)`,
    next: null,
    basis: KERNEL,
  } as const;
  const meanings = CAUSES.filter(({status}) => status === name).flatMap(({asked, text, hint, basis}) =>
    asked.map((what) => ({kind: 'status', name, of: ASKED[what], text, next: hint, basis}) as const),
  );
  return [itself, ...meanings];
}

/** MLX5_DRIVER_SYND of the kernel. */
const DRIVER_SYNDROME = 0xbadd00de;

const UNKNOWN = {
  text: 'not known to dek; NVIDIA publishes no list of syndromes',
  next:
    'the status beside it says more: dek explain STATUS; NVIDIA support can read the syndrome, and dek collects what ' +
    'is learned of them',
} as const;

/** What a syndrome means, as far as anybody knows. */
export function explainSyndrome(syndrome: number): Explanation {
  const name = syndromeText(syndrome);
  const about = {kind: 'syndrome', name, of: null} as const;
  if (syndrome === DRIVER_SYNDROME) {
    return {
      ...about,
      text: 'it is the kernel that says this, not the firmware: the NIC is in an internal error, or is being reset',
      next: 'look for mlx5_core in the kernel log; after a reset all DEKs are lost',
      basis: {seen: 'the kernel: MLX5_DRIVER_SYND in drivers/net/ethernet/mellanox/mlx5/core/cmd.c'},
    };
  }
  const own = SYNDROMES.get(syndrome);
  if (own === undefined) return {...about, ...UNKNOWN, basis: 'assumed'};
  return {
    ...about,
    of: 'the virtual ConnectX',
    text: `${own.name}: ${own.text}`,
    next: null,
    basis: {seen: 'the virtual ConnectX; a NIC has other syndromes'},
  };
}

/** Whether dek has more to say of it than that it is not known. */
export function isKnownSyndrome(syndrome: number): boolean {
  return syndrome === DRIVER_SYNDROME || SYNDROMES.has(syndrome);
}

/** Those that dek knows. */
export function knownSyndromes(): number[] {
  return [...SYNDROMES.keys(), DRIVER_SYNDROME];
}
