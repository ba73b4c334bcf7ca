/** JSON lines over HTTP: answers that take long, and events without end. */
import {once} from 'node:events';
import {PassThrough} from 'node:stream';
import {DekError, errorJson} from '../../errors.js';
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

  /** Ends it when `work` has settled, with what that resolves to as the last line, or its error. `what` names it. */
  endWith(work: Promise<object>, what: string): void {
    work
      .catch((cause: unknown) =>
        errorJson(
          cause instanceof DekError ? cause : new DekError('INTERNAL', `the agent failed at this ${what}`, {cause}),
        ),
      )
      .then((last) => this.write(last))
      .finally(() => this.end());
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
