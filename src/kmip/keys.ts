/** DEKs at a KMIP server: which there are, each wrapped by the KEK there, and new ones. */
import {DEK_WRAPPED_BYTES, layoutOfWrapped, wrappedBytes} from '../dek-layout.js';
import {DekError} from '../errors.js';
import type {Client} from './client.js';
import {other} from './message.js';
import {AES, OBJECT_TYPE, STATE, USAGE} from './tags.js';

/** A key at a server, with the name that it has there. */
export interface ServerKey {
  readonly id: string;
  readonly name: string;
  /** Bits, as far as the server tells. */
  readonly bits: number | undefined;
}

/** The same, wrapped. */
export interface WrappedKey extends ServerKey {
  readonly wrapped: Uint8Array;
}

/** Which keys: those in a group, or with a name that `isWanted`. */
export interface KeyChoice {
  readonly group?: string | undefined;
  readonly isWanted: (name: string) => boolean;
}

const NAMES_OF_STATES: Readonly<Record<number, string>> = {
  [STATE.preActive]: 'is not active yet',
  [STATE.deactivated]: 'was revoked, or has expired',
  [STATE.compromised]: 'was revoked as compromised',
  [STATE.destroyed]: 'was destroyed',
};

/** Throws unless the key `id` can wrap DEKs there; returns its bytes, if the server tells. */
export async function assertKek(client: Client, id: string): Promise<number | undefined> {
  const {objectType, algorithm, length, usageMask, state} = await client.attributes(id, [
    'objectType',
    'algorithm',
    'length',
    'usageMask',
    'state',
  ]);
  const wrong = (what: string, hint?: string): DekError =>
    new DekError('BAD_INPUT', `has a key ${id} that ${what}`, {hint});
  if ((objectType ?? OBJECT_TYPE.symmetricKey) !== OBJECT_TYPE.symmetricKey || (algorithm ?? AES) !== AES) {
    throw wrong('is no AES key');
  }
  if (length !== undefined && length !== 128 && length !== 256) throw wrong(`has ${length} bits, expected 128 or 256`);
  const words = NAMES_OF_STATES[state ?? STATE.active];
  if (words !== undefined) throw wrong(words, 'its administrator can tell: a key wraps while it is active');
  if (usageMask !== undefined && (usageMask & USAGE.wrapKey) === 0) {
    throw wrong('may not wrap', 'its Cryptographic Usage Mask needs Wrap Key');
  }
  return length === undefined ? undefined : length / 8;
}

/** The keys at the server that `choice` takes, but for the KEK, by their names. */
export async function chooseKeys(client: Client, kekId: string, choice: KeyChoice): Promise<ServerKey[]> {
  const {group, isWanted} = choice;
  const ids = [
    ...(await client.locate([['objectType', OBJECT_TYPE.symmetricKey], ...inGroup(group)])),
    ...(await client.locate([['objectType', OBJECT_TYPE.secretData], ...inGroup(group)])),
  ];
  const keys: ServerKey[] = [];
  for (const id of new Set(ids)) {
    if (id === kekId) continue;
    const {names, groups, length} = await client.attributes(id, ['name', 'objectGroup', 'length']);
    if (group !== undefined && !groups.includes(group)) throw other(`the key ${id}, which is not in the group`);
    const wanted = names.filter(isWanted);
    if (wanted.length > 1) {
      throw new DekError('BAD_INPUT', `has a key ${id} with several names that are asked for: ${wanted.join(', ')}`);
    }
    if (wanted[0] !== undefined) keys.push({id, name: wanted[0], bits: length});
  }
  return keys.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function inGroup(group: string | undefined): [['objectGroup', string]] | [] {
  return group === undefined ? [] : [['objectGroup', group]];
}

/** The key as the KEK has wrapped it. Throws BAD_INPUT when it is not as long as a DEK, or as it was said to be. */
export async function fetchKey(client: Client, kekId: string, key: ServerKey): Promise<WrappedKey> {
  const wrapped = await client.getWrapped(key.id, kekId);
  if (!DEK_WRAPPED_BYTES.includes(wrapped.length)) {
    throw new DekError('BAD_INPUT', `has a key "${key.name}" of ${(wrapped.length - 8) * 8} bits: it is no DEK`, {
      hint: 'a DEK is key1 and key2 (256 or 512 bits), and a keytag if it has one (320 or 576 bits)',
    });
  }
  if (key.bits !== undefined && key.bits !== 8 * layoutOfWrapped(wrapped.length).plaintextBytes) {
    throw other(`${wrapped.length} bytes for a key of ${key.bits} bits`);
  }
  return {...key, wrapped};
}

/** All keys that `choice` takes, wrapped; `onKey` is called with how many are there, and how many are to come. */
export async function fetchKeys(
  client: Client,
  kekId: string,
  choice: KeyChoice,
  onKey: (count: number, total: number) => void,
): Promise<WrappedKey[]> {
  await assertKek(client, kekId);
  const chosen = await chooseKeys(client, kekId, choice);
  if (chosen.length === 0) throw new DekError('NO_INPUT', 'has no such keys', {hint: 'is it the right name or group?'});
  for (const [i, {name}] of chosen.entries()) {
    if (name === chosen[i - 1]?.name) throw new DekError('BAD_INPUT', `has two keys with the name "${name}"`);
  }
  const keys: WrappedKey[] = [];
  for (const key of chosen) {
    keys.push(await fetchKey(client, kekId, key));
    onKey(keys.length, chosen.length);
  }
  return keys;
}

/** Makes a key of 32 or 64 bytes there, and returns it wrapped; without its wrapped form it does not stay there. */
export async function makeKey(client: Client, kekId: string, bytes: number, name?: string): Promise<Uint8Array> {
  const id = await create(client, 8 * bytes, name);
  try {
    const {wrapped} = await fetchKey(client, kekId, {id, name: name ?? id, bits: 8 * bytes});
    if (wrapped.length === wrappedBytes(bytes)) return wrapped;
    throw other(`a key of ${wrapped.length - 8} bytes, not of ${bytes}`);
  } catch (error) {
    await client.destroy(id).catch(() => {});
    throw error;
  }
}

async function create(client: Client, bits: number, name: string | undefined): Promise<string> {
  const named = name === undefined ? [] : ([['name', name]] as const);
  try {
    return await client.create([
      ...named,
      ['algorithm', AES],
      ['length', bits],
      ['usageMask', USAGE.encrypt | USAGE.decrypt],
    ]);
  } catch (error) {
    if (!(error instanceof DekError) || bits <= 256 || !['REFUSED', 'UNSUPPORTED'].includes(error.code)) throw error;
    const hint = 'dek keygen --size 128 makes keys of 256 bits; a server that holds 256 bits only serves those';
    throw new DekError(error.code, `makes no key of ${bits} bits, which a 256-bit DEK has: it ${error.message}`, {
      hint,
    });
  }
}
