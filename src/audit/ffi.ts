/** sd_journal_sendv(3) of libsystemd: the journal's native protocol is by datagrams, for which Node has no sockets. */
import {DekError} from '../errors.js';
import {loadKoffi} from '../koffi.js';

/** struct iovec of readv(2). */
interface IoVec {
  iov_base: Uint8Array;
  iov_len: number;
}

type Sendv = (iov: IoVec[], count: number, done: (error: Error | null, result: number) => void) => void;

let sendv: Sendv | undefined;

/**
 * Writes one entry of fields, `NAME=value`. Rejects with NO_LIBRARY; IO when the journal does not take it. On a thread:
 * the call waits for room in journald's socket, for as long as journald stands still.
 */
export async function sendToJournal(fields: readonly string[]): Promise<void> {
  sendv ??= load();
  const vectors = fields.map((field): IoVec => {
    const bytes = Buffer.from(field);
    return {iov_base: bytes, iov_len: bytes.length};
  });
  const {length} = vectors;
  const result = await new Promise<number>((resolve, reject) => {
    sendv!(vectors, length, (error, result) => (error ? reject(error) : resolve(result)));
  });
  vectors.length = 0; // until here C has had the addresses of the bytes
  if (result < 0) throw new DekError('IO', `sd_journal_sendv failed with errno ${-result}`);
}

function load(): Sendv {
  try {
    const koffi = loadKoffi();
    const iovec = koffi.struct('dek_iovec', {iov_base: 'void *', iov_len: 'size_t'});
    return koffi.load('libsystemd.so.0').func('sd_journal_sendv', 'int', [koffi.pointer(iovec), 'int']).async;
  } catch (cause) {
    throw new DekError('NO_LIBRARY', 'libsystemd.so.0 cannot be loaded', {
      hint: 'install the Debian package libsystemd0',
      cause,
    });
  }
}
