/** What a client did against dek-attach(7). */
import {constants} from 'node:os';

export class ProtocolFault extends Error {
  /** What it is refused with. */
  readonly errno: number;

  constructor(message: string, errno: number = constants.errno.EPROTO) {
    super(message);
    this.errno = errno;
  }
}
