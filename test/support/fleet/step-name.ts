/** What a request to etcd is for, in words: which step of a publication, of a rollout or of a host it is. */
import {METHODS} from '../../../src/fleet/etcd/messages.js';
import {Message} from '../../../src/fleet/etcd/protobuf.js';

/** Undefined for what is no step: a sign of life, which comes when its time has come. */
export function stepName(path: string, bytes: Uint8Array): string | undefined {
  const message = new Message(bytes);
  switch (path) {
    case METHODS.authenticate:
      return 'logs in';
    case METHODS.leaseGrant:
      return 'asks for a lease';
    case METHODS.leaseRevoke:
      return 'gives its lease back';
    case METHODS.range:
      return `reads ${placeOf(message)}`;
    case METHODS.txn:
      return txnName(message);
    case METHODS.watch:
      return message.messages(1).length > 0 ? 'begins to watch' : undefined;
    default:
      return undefined;
  }
}

/** By the first operation of those that are done. */
function txnName(message: Message): string {
  const [operation] = message.messages(2);
  const [range, put, removed] = [1, 2, 3].map((field) => operation!.messages(field)[0]);
  if (removed) return `removes ${placeOf(removed)}`;
  if (range) return `${range.flag(8) ? 'looks for' : 'reads'} ${placeOf(range)}`;
  const place = placeOf(put!);
  if (place !== 'the rollout') return `writes ${place}`;
  const {phase, wave} = JSON.parse(put!.text(2)) as {phase: string; wave: number};
  return `writes that the rollout is ${phase}, in wave ${wave + 1}`;
}

const PLACES: readonly (readonly [RegExp, string])[] = [
  [/^blobs\//, 'pieces'],
  [/^hosts\/$/, 'the pointers'],
  [/^hosts\//, 'a pointer'],
  [/^kept\/$/, 'what is kept'],
  [/^kept\//, 'an earlier generation'],
  [/^status\/$/, 'the reports'],
  [/^status\//, 'a report'],
  [/^names\//, 'names'],
  [/^rollout$/, 'the rollout'],
  [/^operator$/, 'who has the fleet'],
];

/** Where the key leads that stands in field 1: below the prefix, which has one part. */
function placeOf(message: Message): string {
  const key = message.text(1).replace(/^\/[^/]*\//, '');
  return PLACES.find(([pattern]) => pattern.test(key))?.[1] ?? key;
}
