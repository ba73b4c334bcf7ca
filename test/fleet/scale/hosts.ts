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
import {piecesOfTarget, readBlobs} from '../../../src/fleet/publish/blobs.js';
import {parseFleetUri} from '../../../src/fleet/uri.js';
import {LIMIT} from '../../support/fleet/etcd.js';
import {Gate} from './gate.js';

/**
 * Hosts of this process that connect at once, and that fetch at once. What they do costs the cores of this one machine:
 * with more of them than it can serve in time each would be given up and begun again, and none would come to an end.
 */
const AT_ONCE = 20;
const [uri, first, count] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4])];
const [connecting, fetching] = [new Gate(AT_ONCE), new Gate(AT_ONCE)];
const holds = new Map<number, number>();
let connected = 0;
let failed = 0;

for (let i = 0; i < count; i++) void follow(`node-${first + i}`);

setInterval(() => process.send!({connected, failed, holds: [...holds]}), 100);
process.on('disconnect', () => process.exit());

async function follow(name: string): Promise<void> {
  const parsed = parseFleetUri(uri, 'fleet');
  const store = new Store(parsed, LIMIT);
  const keys = new FleetKeys(parsed.prefix);
  const reporter = new Reporter(store, keys, name);
  const {signal} = new AbortController();
  const leave = await connecting.enter();
  let isConnected = false;
  const onLost = (why: string | undefined): void => {
    if (why !== undefined) failed++;
    else if (!isConnected) {
      isConnected = true;
      connected++;
      leave();
    }
  };
  for await (const kv of pointersOf(store, keys, {host: name, signal, onLost})) {
    if (!kv) continue;
    const target = parsePointer(kv.value, name);
    await fetchAll(store, keys, target);
    holds.set(target.generation, (holds.get(target.generation) ?? 0) + 1);
    tell(reporter, target);
  }
}

/** As often as it takes: what the store does not give in time is counted. */
async function fetchAll(store: Store, keys: FleetKeys, target: Target): Promise<void> {
  const leave = await fetching.enter();
  for (let isWhole = false; !isWhole; ) {
    const hash = createHash('sha256');
    try {
      const digests = await piecesOfTarget(store, keys, target);
      for (const bytes of await readBlobs(store, keys, digests)) hash.update(bytes);
      isWhole = hash.digest('hex') === target.digest;
      if (!isWhole) throw new Error(`generation ${target.generation} is not whole`);
    } catch {
      failed++;
    }
  }
  leave();
}

function tell(reporter: Reporter, {id, generation, digest, kcv, deks}: Target): void {
  const counts = {total: deks, ready: deks, proven: deks, wrong: 0, old: 0};
  const rest = {nextLogin: null, version: 'simulated', since: null, why: null};
  reporter.tell({id, generation, digest, kcv, ...counts, isReady: true, login: 'VALID', ...rest});
}
