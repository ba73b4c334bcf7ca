/** In which order hosts are reached: by name, but those that lose DEKs which others get come last. */
import type {Store} from '../etcd/store.js';
import type {FleetKeys} from '../layout/keys.js';
import {Tables} from '../publish/heirs.js';
import type {Delivery} from '../publish/prepare.js';
import type {FleetHost} from '../status/hosts.js';

/** The same deliveries. That a source lets go only of what its heir has proven is looked at when its turn comes. */
export async function sourcesLast(
  store: Store,
  keys: FleetKeys,
  known: ReadonlyMap<string, FleetHost>,
  deliveries: readonly Delivery[],
): Promise<Delivery[]> {
  const tables = new Tables(store, keys);
  const lost = new Map<string, ReadonlySet<string>>();
  const got = new Set<ReadonlySet<string>>();
  for (const {host, target} of deliveries) {
    const names = known.get(host)?.pointer?.names;
    if (names !== undefined) lost.set(host, await tables.without(names, target.names));
    got.add(await tables.without(target.names, names));
  }
  const gained = new Set([...got].flatMap((names) => [...names]));
  const isSource = ({host}: Delivery): boolean => [...(lost.get(host) ?? [])].some((hash) => gained.has(hash));
  const byName = [...deliveries].sort((a, b) => (a.host < b.host ? -1 : 1));
  return [...byName.filter((one) => !isSource(one)), ...byName.filter(isSource)];
}
