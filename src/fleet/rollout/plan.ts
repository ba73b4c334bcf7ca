/** What a rollout brings to which host, in the order in which hosts are reached: JSON Lines, in blobs. */
import type {Store} from '../etcd/store.js';
import {Members, malformed} from '../layout/json.js';
import type {FleetKeys} from '../layout/keys.js';
import {listBytes} from '../layout/pieces.js';
import {targetOf} from '../layout/pointer.js';
import {type BlobWriter, readListed} from '../publish/blobs.js';
import type {Delivery} from '../publish/prepare.js';

/** Of a blob: some 300 hosts. */
const BLOB_CHARACTERS = 2 ** 18;

/** Writes it, to be there when the writer is flushed; the digest of its list. */
export async function writePlan(writer: BlobWriter, deliveries: readonly Delivery[]): Promise<string> {
  const digests: string[] = [];
  let text = '';
  const end = async (): Promise<void> => {
    digests.push(await writer.addBytes(new Uint8Array(Buffer.from(text))));
    text = '';
  };
  for (const delivery of deliveries) {
    text += `${JSON.stringify(delivery)}\n`;
    if (text.length >= BLOB_CHARACTERS) await end();
  }
  if (text !== '') await end();
  return writer.addBytes(listBytes(digests));
}

/** Throws BAD_INPUT when it is not whole. */
export async function readPlan(store: Store, keys: FleetKeys, digest: string): Promise<Delivery[]> {
  const deliveries: Delivery[] = [];
  for await (const bytes of readListed(store, keys, digest)) {
    const text = Buffer.from(bytes).toString('utf8');
    for (const line of text.split('\n').slice(0, -1)) deliveries.push(deliveryOf(line));
  }
  return deliveries;
}

function deliveryOf(line: string): Delivery {
  const what = 'the plan of the rollout';
  const json = JSON.parse(line) as Record<string, unknown>;
  const members = new Members(json, what);
  const target = members.object('target');
  const fallback = members.object('fallback');
  if (!target) throw malformed(what, 'has a host without a manifest');
  const host = members.text('host', /^[A-Za-z0-9._-]+$/);
  return {host, target: targetOf(target, what), fallback: fallback && targetOf(fallback, what)};
}
