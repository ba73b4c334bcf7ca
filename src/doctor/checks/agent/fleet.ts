/** A fleet that the agent follows: our certificate, the store, what is published for this host, the last good copy. */
import type {X509Certificate} from 'node:crypto';
import fs from 'node:fs';
import {DekError} from '../../../errors.js';
import type {Store} from '../../../fleet/etcd/store.js';
import {type Held, manifestIn, readHeld} from '../../../fleet/host/held.js';
import {FleetKeys} from '../../../fleet/layout/keys.js';
import {parsePointer} from '../../../fleet/layout/pointer.js';
import {type FleetUri, isFleetUri, parseFleetUri} from '../../../fleet/uri.js';
import {agentWords} from '../../agent-words.js';
import {type Check, type Finding, found, well} from '../../check.js';
import {type Asked, askedAsync, type Scene} from '../../scene.js';
import {readUnit} from '../../unit-files.js';

/** How long the store may take, and how soon a certificate ends that is to be renewed now. */
const STORE_MS = 5000;
const SOON_DAYS = 14;
const DAY_MS = 86_400_000;

export const fleet: Check = {
  name: 'fleet',
  verdicts: {
    'fleet-unknown': {
      level: 'fix',
      text: 'what names the fleet cannot be read',
      fix: 'write it as dek-fleet(7) says: etcd://HOST/PREFIX?cert=SOURCE&key=SOURCE&ca=FILE',
    },
    'fleet-certificate': {
      level: 'fix',
      text: 'the certificate of this host for the fleet cannot be used',
      fix: 'see what the error says; its common name has to be the name of the host: dek-fleet(7)',
    },
    'fleet-certificate-over': {
      level: 'fix',
      text: 'the certificate of this host for the fleet is not valid now',
      fix: 'have it renewed, and look at the clock (timedatectl)',
    },
    'fleet-certificate-ends': {
      level: 'note',
      text: 'the certificate of this host for the fleet ends soon',
      fix: 'have it renewed: an agent takes the new one up by itself',
    },
    'fleet-away': {
      level: 'fix',
      text: 'the store of the fleet cannot be used: the host goes on with its last good copy',
      fix: 'see what the error says of each member; dek fleet status asks the same',
    },
    'fleet-nothing': {
      level: 'fix',
      text: 'nothing is published for this host',
      fix: 'dek fleet publish MANIFEST --host NAME',
    },
    'fleet-behind': {
      level: 'fix',
      text: 'this host does not hold what the store says that it is to hold',
      fix: 'dek fleet status says why; see the log of the agent (journalctl -u dek-agent)',
    },
    'fleet-copy': {
      level: 'fix',
      text: 'the last good copy on this host cannot be used: while the store is away it starts with nothing',
      fix: 'see what the error says; an agent that reaches the store makes it anew',
    },
    'fleet-no-copy': {
      level: 'note',
      text: 'this host has no last good copy yet: while the store is away it starts with nothing',
      fix: 'start the agent once while the store is there; --state names where it keeps the copy',
    },
  },
  async look(scene) {
    const words = await agentWords(scene);
    const text = scene.options.manifest ?? words?.value('--manifest');
    if (text === undefined || !isFleetUri(text)) return [];
    const uri = await askedAsync(async () => parseFleetUri(text, 'manifest'));
    if (uri instanceof DekError) return [found('fleet-unknown', uri.message)];
    const {Store} = await import('../../../fleet/etcd/store.js');
    const store = new Store(uri, {timeoutMs: STORE_MS, signal: new AbortController().signal});
    try {
      const {identity} = store;
      const we = await askedAsync(async () => ({host: await identity.name(), cert: await identity.certificate()}));
      if (we instanceof DekError) return [found('fleet-certificate', we.message)];
      const {host, cert} = we;
      const folder = words?.value('--state') ?? defaultState(scene);
      const copy = await askedAsync(() => readHeld(scene.path(`${folder}/held.json`), host));
      const ofStore = await storeFinding(store, uri, host, copy instanceof DekError ? undefined : copy);
      return [certificateOf(cert, host), ofStore, copyFinding(scene, folder, copy)];
    } finally {
      store.close();
    }
  },
};

/** Until when our certificate is valid. */
function certificateOf(cert: X509Certificate | undefined, host: string): Finding {
  if (cert === undefined) return well(`known to the store as ${host}, by a password`);
  const [from, to, now] = [Date.parse(cert.validFrom), Date.parse(cert.validTo), Date.now()];
  const seen = `the certificate of ${host} is valid from ${isoDay(from)} to ${isoDay(to)}`;
  if (now < from || now >= to) return found('fleet-certificate-over', seen);
  return to - now < SOON_DAYS * DAY_MS ? found('fleet-certificate-ends', seen) : well(seen);
}

function isoDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** What is published for this host, against what it holds. */
async function storeFinding(store: Store, uri: FleetUri, host: string, held: Held | undefined): Promise<Finding> {
  const pointer = await askedAsync(async () => {
    const key = new FleetKeys(uri.prefix).wanted(host);
    const kv = await store.get(key, {totalMs: STORE_MS, signal: AbortSignal.timeout(2 * STORE_MS)});
    return kv && parsePointer(kv.value, host);
  });
  const of = uri.prefix;
  if (pointer instanceof DekError) return found('fleet-away', pointer.message, of);
  if (pointer === null) return found('fleet-nothing', `the store answers, and has nothing for ${host}`, of);
  const seen = `generation ${pointer.generation} is published for ${host}`;
  if (held === undefined) return well(seen, of);
  if (held.target.digest === pointer.digest) return well(`${seen}, and held`, of);
  return found('fleet-behind', `${seen}, generation ${held.target.generation} is held`, of);
}

/** Whether the host starts without the store. */
function copyFinding(scene: Scene, folder: string, held: Asked<Held | undefined>): Finding {
  if (held instanceof DekError) {
    return held.code === 'PERMISSION'
      ? well('the last good copy is not for this user to read', folder)
      : found('fleet-copy', held.message, folder);
  }
  if (held === undefined) return found('fleet-no-copy', 'no held.json', folder);
  const path = manifestIn(scene.path(folder), held.target);
  const seen = `the last good copy has generation ${held.target.generation}, since ${held.since}`;
  return fs.existsSync(path) ? well(seen, folder) : found('fleet-copy', `${seen}, and is not there`, folder);
}

/** Where an agent keeps it unless it was told: StateDirectory= of its unit. */
function defaultState(scene: Scene): string {
  const [unit] = readUnit(scene)?.settings.get('StateDirectory')?.at(-1)?.split(' ') ?? [];
  return `/var/lib/${unit ?? 'dek'}/fleet`;
}
