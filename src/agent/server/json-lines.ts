/** JSON lines over HTTP: answers that take long, and events without end. */
import {once} from 'node:events';
import {PassThrough} from 'node:stream';
import {jsonText} from '../../printable.js';

/** What a client may be behind before it counts as one that does not keep up. */
const ROOM_BYTES = 2 ** 20;

export const JSON_LINES = 'application/x-ndjson';

/** A stream that takes JSON values, a line each. Its `body` closes when it was ended or the client went away. */
export class JsonLines {
  readonly body = new PassThrough({highWaterMark: ROOM_BYTES});

  /** False when the client does not keep up: what follows would only pile up. */
  write(value: unknown): boolean {
    return this.body.writable ? this.body.write(`${jsonText(value)}\n`) : false;
  }

  end(): void {
    this.body.end();
  }

  /** Ends it, and resolves when all was read or the client has gone. */
  async finish(): Promise<void> {
    this.end();
    if (!this.body.closed) await once(this.body, 'close');
  }

  /** Ends the connection as well, however much is not read yet. */
  cutOff(): void {
    this.body.destroy();
  }
}
