/**
 * Many hosts of a fleet in one process, each with a connection and TLS of its own: each follows its pointer, fetches
 * what it names, compares all digests and reports, by the code that an agent does that with. Nothing is written to disk
 * and no NIC is there. Started by main.ts, which hears by IPC how many hold which generation.
 */
import {createHash} from 'node:crypto';
import {Store} from '../../../src/fleet/etcd/store.js';
import {pointersOf} from '../../../src/fleet/host/pointer-watch.js';
import {Reporter} from '../../../src/fleet/host/reporter.js';
import {FleetKeys} from '../../../src/fleet/layout/keys.js';
import {parsePointer, type Target} from '../../../src/fleet/layout/pointer.js';
import {readBlob, readList} from '../../../src/fleet/publish/blobs.js';
import {parseFleetUri} from '../../../src/fleet/uri.js';
import {LIMIT} from '../../support/etcd.js';

const [uri, first, count] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4])];
const holds = new Map<number, number>();
const stores: Store[] = [];
let connected = 0;

for (let i = 0; i < count; i++) {
  void follow(`node-${first + i}`);
  // Each TLS handshake takes some milliseconds here and there: not all at once.
  if (i % 20 === 19) await new Promise((resolve) => setTimeout(resolve, 100));
}

setInterval(() => process.send!({connected, holds: [...holds]}), 100);
process.on('disconnect', () => process.exit());

async function follow(name: string): Promise<void> {
  const parsed = parseFleetUri(uri, 'fleet');
  const store = new Store(parsed, LIMIT);
  stores.push(store);
  const keys = new FleetKeys(parsed.prefix);
  const reporter = new Reporter(store, keys, name);
  let isConnected = false;
  const onLost = (): void => {
    if (!isConnected) connected++;
    isConnected = true;
  };
  for await (const kv of pointersOf(store, keys, {host: name, signal: new AbortController().signal, onLost})) {
    if (!kv) continue;
    const target = parsePointer(kv.value, name);
    await fetchAll(store, keys, target);
    holds.set(target.generation, (holds.get(target.generation) ?? 0) + 1);
    tell(reporter, target);
  }
}

async function fetchAll(store: Store, keys: FleetKeys, target: Target): Promise<void> {
  const hash = createHash('sha256');
  for (const digest of await readList(store, keys, target.pieces)) hash.update(await readBlob(store, keys, digest));
  if (hash.digest('hex') !== target.digest) throw new Error(`generation ${target.generation} is not whole`);
}

function tell(reporter: Reporter, {id, generation, digest, kcv, deks}: Target): void {
  const counts = {total: deks, ready: deks, proven: deks, wrong: 0, old: 0};
  const rest = {nextLogin: null, version: 'simulated', since: null, why: null};
  reporter.tell({id, generation, digest, kcv, ...counts, isReady: true, login: 'VALID', ...rest});
}
