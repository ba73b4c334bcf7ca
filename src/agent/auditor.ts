/** What the agent does, as entries of the journal: dek-events(1). Where there is no journal nothing of this runs. */
import type {AuditEntry} from '../audit/entry.js';
import {hasJournal, writeAudit} from '../audit/journal.js';
import {type Asker, askerOf} from './asker.js';
import type {AgentEvent, Events} from './events.js';
import type {AppliedManifest} from './protocol.js';

/** Begins; `applied` is asked for the manifest of what is made again. */
export function startAudit(events: Events, applied: () => AppliedManifest | null): void {
  if (!hasJournal()) return;
  let last: Promise<void> = Promise.resolve();
  let isLost = false;
  const write = (entry: AuditEntry): void => {
    last = last
      .then(() => writeAudit(entry))
      .catch((error: unknown) => {
        // Once: what cannot be written is no reason to give up DEKs, and tells itself by its absence after that.
        if (!isLost) events.emit('error', 'audit-failed', {error: String((error as Error).message)});
        isLost = true;
      });
  };
  const facts = (): Pick<AuditEntry, 'manifest' | 'generation' | 'digest'> => {
    const {id, generation, digest} = applied() ?? {};
    return {manifest: id ?? undefined, generation: generation ?? undefined, digest};
  };
  events.onAudit((audited) => {
    const {kind, device, by, manifest, results} = audited();
    const common = {kind, ...askerOf(by), device, ...(manifest ?? facts())};
    for (const [result, deks] of results) if (deks.length > 0) write({...common, result, deks});
  });
  events.listen((event) => {
    const entry = entryOf(event);
    if (entry) write(entry);
  });
}

/** Of events that say all that an entry has. */
function entryOf(event: AgentEvent): AuditEntry | undefined {
  const own = askerOf(undefined);
  const by = (peer: {uid?: number | undefined; pid?: number | undefined}): Asker => ({
    uid: peer.uid ?? -1,
    pid: peer.pid ?? -1,
  });
  switch (event.event) {
    case 'attach':
    case 'lend':
      return {kind: 'attach', result: 'ok', ...by(event), device: event.device, deks: [], detail: event.event};
    case 'attach-refused':
    case 'lend-refused':
      return {kind: 'refuse', result: event.event, ...by(event), deks: [], detail: event.error};
    case 'peer-refused':
      return {kind: 'refuse', result: event.event, ...by(event), deks: []};
    case 'manifest-refused':
      return {kind: 'refuse', result: event.reason, ...own, deks: [], detail: `${event.path}: ${event.error}`};
    default:
      return undefined;
  }
}
