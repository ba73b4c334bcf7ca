/** Telling a service what has changed, from a timer or amid other work: what is thrown there ends nothing. */
import {DekError} from '../../errors.js';
import type {Events} from '../events.js';
import type {Connection} from './connection.js';

/** What a context says that is being closed, or whose NIC is gone: that is told otherwise. */
const ENDS: ReadonlySet<string> = new Set(['CLOSED', 'DEVICE_GONE']);

/** A service that cannot be told of a change would use what is not there: its connection ends. */
export function tellSafely(events: Events, connection: Connection | null, tell: () => void): void {
  try {
    tell();
  } catch (error) {
    if (error instanceof DekError && ENDS.has(error.code)) return;
    events.emit('error', 'internal', {error: String(error)});
    connection?.end();
  }
}
