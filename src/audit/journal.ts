/** Writes the audit to the journal, where there is one. */
import {existsSync} from 'node:fs';
import {Deadline} from '../deadline.js';
import {DekError} from '../errors.js';
import {type AuditEntry, fieldsOf, MAX_DEKS} from './entry.js';

const SOCKET = '/run/systemd/journal/socket';
/** How long journald may take nothing. */
const LIMIT = {timeoutMs: 10_000, signal: new AbortController().signal};

/** An entry is under way. One that was given up on keeps its thread, and no other is begun until it comes back. */
let isUnderWay = false;

/** Whether this host has a journal. */
export function hasJournal(): boolean {
  return existsSync(SOCKET);
}

/** Writes an entry, or several where there are many DEKs; one at a time. Throws NO_LIBRARY, IO. */
export async function writeAudit(entry: AuditEntry): Promise<void> {
  const {sendToJournal} = await import('./ffi.js');
  const {deks} = entry;
  for (let from = 0; from === 0 || from < deks.length; from += MAX_DEKS) {
    const fields = fieldsOf({...entry, deks: deks.slice(from, from + MAX_DEKS)});
    if (isUnderWay) throw new DekError('IO', 'the journal takes nothing: an entry before this one hangs');
    await new Deadline('the journal', LIMIT).wait(async () => {
      isUnderWay = true;
      await sendToJournal(fields).finally(() => {
        isUnderWay = false;
      });
    });
  }
}
