/** sd_journal_sendv(3) of libsystemd: the journal's native protocol is by datagrams, for which Node has no sockets. */
import {DekError} from '../errors.js';
import {loadKoffi} from '../koffi.js';

/** struct iovec of readv(2). */
interface IoVec {
  iov_base: Uint8Array;
  iov_len: number;
}

let sendv: ((iov: IoVec[], count: number) => number) | undefined;

/** Writes one entry of fields, `NAME=value`. Throws NO_LIBRARY; IO when the journal does not take it. */
export function sendToJournal(fields: readonly string[]): void {
  sendv ??= load();
  const vectors = fields.map((field): IoVec => {
    const bytes = Buffer.from(field);
    return {iov_base: bytes, iov_len: bytes.length};
  });
  const result = sendv(vectors, vectors.length);
  if (result < 0) throw new DekError('IO', `sd_journal_sendv failed with errno ${-result}`);
}

function load(): (iov: IoVec[], count: number) => number {
  try {
    const koffi = loadKoffi();
    const iovec = koffi.struct('dek_iovec', {iov_base: 'void *', iov_len: 'size_t'});
    const send = koffi.load('libsystemd.so.0').func('sd_journal_sendv', 'int', [koffi.pointer(iovec), 'int']);
    return send as unknown as (iov: IoVec[], count: number) => number;
  } catch (cause) {
    throw new DekError('NO_LIBRARY', 'libsystemd.so.0 cannot be loaded', {
      hint: 'install the Debian package libsystemd0',
      cause,
    });
  }
}
