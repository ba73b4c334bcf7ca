/**
 * Memory that is locked, left out of core dumps and not inherited: memfd_secret(2), mlock2(2), madvise(2), through
 * Koffi.
 */
import {loadKoffi} from '../koffi.js';

export type Address = bigint & {readonly __c: 'void'};

/** Of the kernel's pages on every architecture that Node is made for: where they are larger it rounds by itself. */
const PAGE_BYTES = 4096n;
/** asm-generic/unistd.h, the same on x86-64 and arm64. */
const SYS_MEMFD_SECRET = 447;
const O_CLOEXEC = 0o2000000;
/** mmap(2). */
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const MAP_FAILED = 2n ** 64n - 1n;
/** mlock2(2): pages that are not there yet are locked when they come. */
const MLOCK_ONFAULT = 1;
/** madvise(2). */
const MADV_DONTFORK = 10;
const MADV_DONTDUMP = 16;
const MADV_WIPEONFORK = 18;
const RLIMIT_MEMLOCK = 8;

interface Calls {
  memfdSecret(number: number, flags: number): number;
  ftruncate(fd: number, length: number): number;
  close(fd: number): number;
  mmap(address: null, length: number, protection: number, flags: number, fd: number, offset: number): bigint;
  munmap(address: bigint, length: number): number;
  mlock2(address: bigint, length: bigint, flags: number): number;
  madvise(address: bigint, length: bigint, advice: number): number;
  getrlimit(resource: number, limit: BigUint64Array): number;
}

let calls: Calls | undefined;

function load(): Calls {
  const libc = loadKoffi().load(null);
  return {
    memfdSecret: libc.func('long syscall(long n, unsigned int flags)'),
    ftruncate: libc.func('int ftruncate(int fd, long length)'),
    close: libc.func('int close(int fd)'),
    mmap: libc.func('uintptr_t mmap(void *addr, size_t length, int prot, int flags, int fd, long offset)'),
    munmap: libc.func('int munmap(uintptr_t addr, size_t length)'),
    mlock2: libc.func('int mlock2(uintptr_t addr, size_t length, unsigned int flags)'),
    madvise: libc.func('int madvise(uintptr_t addr, size_t length, int advice)'),
    getrlimit: libc.func('int getrlimit(int resource, _Out_ void *limit)'),
  };
}

/** How a region is kept: by memfd_secret, which not even the kernel maps; by mlock2; or not locked at all. */
export type Keeping = 'memfd_secret' | 'mlock2' | 'none';

/**
 * A new region of zeros, which is never given back: locked, left out of dumps, and absent or empty in a process that
 * this one forks. Undefined when there is no memory to be had.
 */
export function mapSecret(length: number): {address: Address; keeping: Keeping} | undefined {
  calls ??= load();
  const secret = mapMemfdSecret(calls, length);
  if (secret !== undefined) return {address: secret, keeping: 'memfd_secret'};
  const address = BigInt(calls.mmap(null, length, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0));
  if (address === MAP_FAILED) return undefined;
  const isLocked = calls.mlock2(address, BigInt(length), 0) === 0;
  calls.madvise(address, BigInt(length), MADV_DONTDUMP);
  calls.madvise(address, BigInt(length), MADV_WIPEONFORK);
  return {address: address as Address, keeping: isLocked ? 'mlock2' : 'none'};
}

function mapMemfdSecret({memfdSecret, ftruncate, mmap, munmap, madvise, close}: Calls, length: number) {
  const fd = memfdSecret(SYS_MEMFD_SECRET, O_CLOEXEC);
  if (fd < 0) return undefined;
  try {
    if (ftruncate(fd, length) !== 0) return undefined;
    const address = BigInt(mmap(null, length, PROT_READ_WRITE, MAP_SHARED, fd, 0)); // locked by itself
    if (address === MAP_FAILED) return undefined;
    // Shared memory would be one with a child's.
    if (madvise(address, BigInt(length), MADV_DONTFORK) === 0) return address as Address;
    munmap(address, length);
    return undefined;
  } finally {
    close(fd);
  }
}

/**
 * Locks the pages in which `bytes` lie, of which others may have a part, and leaves them out of dumps. They stay so
 * when `bytes` are gone, for what comes there next. Tells whether the limit allowed it.
 */
export function lockPages(bytes: Uint8Array): boolean {
  calls ??= load();
  const start = loadKoffi().address(bytes);
  const first = start & -PAGE_BYTES;
  const length = ((start + BigInt(bytes.length) + PAGE_BYTES - 1n) & -PAGE_BYTES) - first;
  calls.madvise(first, length, MADV_DONTDUMP);
  return calls.mlock2(first, length, MLOCK_ONFAULT) === 0;
}

/** The memory at an address, as long as it is mapped. */
export function viewAt(address: Address, length: number): Uint8Array {
  return new Uint8Array(loadKoffi().view(address, length));
}

/** How many bytes this process may lock; Infinity: as many as there are. */
export function lockLimit(): number {
  calls ??= load();
  const limit = new BigUint64Array(2);
  if (calls.getrlimit(RLIMIT_MEMLOCK, limit) !== 0) return 0;
  return limit[0] === 2n ** 64n - 1n ? Number.POSITIVE_INFINITY : Number(limit[0]);
}
