/** Writes the audit to the journal, where there is one. */
import {existsSync} from 'node:fs';
import {type AuditEntry, fieldsOf, MAX_DEKS} from './entry.js';

const SOCKET = '/run/systemd/journal/socket';

/** Whether this host has a journal. */
export function hasJournal(): boolean {
  return existsSync(SOCKET);
}

/** Writes an entry, or several where there are many DEKs. Throws NO_LIBRARY, IO. */
export async function writeAudit(entry: AuditEntry): Promise<void> {
  const {sendToJournal} = await import('./ffi.js');
  const {deks} = entry;
  for (let from = 0; from === 0 || from < deks.length; from += MAX_DEKS) {
    sendToJournal(fieldsOf({...entry, deks: deks.slice(from, from + MAX_DEKS)}));
  }
}
