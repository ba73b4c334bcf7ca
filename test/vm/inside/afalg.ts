/**
 * `afalg:` on a kernel that has it: equal to RFC 3394's vectors and to our own engines, and what stands in the way in
 * words. Prints a line a check, as checks.sh does.
 */
import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {setTimeout as pause} from 'node:timers/promises';
import {equalBytes, fromHex, toHex} from '../../../src/bytes.js';
import {openKek} from '../../../src/custody/kek.js';
import {copyToKeyring} from '../../../src/custody/keyring/copy.js';
import {addKey, link, RINGS, type Serial} from '../../../src/custody/keyring/ffi.js';
import {DekError} from '../../../src/errors.js';
import {protectSecrets} from '../../../src/memory/protect.js';
import {keyCheckValue, unwrapKeys, wrapKeys} from '../../../src/wrap/index.js';
import {keyctl} from '../../support/keys/keyctl.js';
import {readVectors} from '../../support/keys/vectors.js';

const MASTER = 'afalg-master';
/** Several lanes, and a rest. */
const MANY = 5001;

protectSecrets(); // as commands do
link(RINGS.user, RINGS.process);
addKey('user', MASTER, randomBytes(32), RINGS.user);
let failed = false;

for (const vector of readVectors('rfc3394').vectors) {
  const kek = fromHex(vector.kek, 'kek');
  for (const type of ['user', 'logon', 'encrypted'] as const) {
    if (type === 'encrypted' && kek.length < 20) continue; // the kernel's least
    const description = `afalg:${vector.id}`;
    copyToKeyring(kek, {type, description, ring: 'user', force: true, master: MASTER});
    await check(`${vector.id} with a ${type} key`, async () => {
      const handle = await openKek(`afalg:${type}:${description}`);
      const plaintext = fromHex(vector.plaintext, 'plaintext');
      const wrapped = await handle.wrap(plaintext, plaintext.length);
      if (toHex(wrapped) !== vector.wrapped) return `it wraps to ${toHex(wrapped)}`;
      const back = await handle.unwrap(wrapped, plaintext.length);
      if (!equalBytes(back, plaintext)) return 'it unwraps to something else';
      if (!equalBytes(handle.kcv!, keyCheckValue(kek))) return 'its KCV is another';
      if (handle.secret !== undefined) return 'it has the KEK';
      return undefined;
    });
  }
}

const kek = new Uint8Array(randomBytes(32));
const added = (type: string, name: string, bytes = kek): Serial => addKey(type, name, bytes, RINGS.user);

await check(`${MANY} keys, as our own engine wraps and unwraps them`, async () => {
  added('logon', 'afalg:many');
  const handle = await openKek('afalg:logon:afalg:many');
  const plaintexts = new Uint8Array(randomBytes(MANY * 72));
  const wrapped = await handle.wrap(plaintexts, 72);
  if (!equalBytes(wrapped, wrapKeys(kek, plaintexts, 72))) return 'they differ';
  wrapped[80 * 77]! ^= 1;
  const bad: number[] = [];
  const keys = await handle.unwrap(wrapped, 72, bad);
  const same = equalBytes(keys, unwrapKeys(kek, wrapped, 72, []));
  return same && bad.join() === '77' ? undefined : `unwrap differs, or found wrong: ${bad}`;
});

await check('no socket is left open', async () => {
  const sockets = fs.readFileSync('/proc/net/protocols', 'utf8').match(/^ALG +\d+ +(\d+)/m)?.[1];
  return sockets === '0' ? undefined : `the kernel has ${sockets} of AF_ALG`;
});

const revoked = added('logon', 'afalg:revoked');
const lease = await openKek('afalg:logon:afalg:revoked');
keyctl(['revoke', `${revoked}`]);
const refuses = (what: string, words: string, use: () => Promise<unknown>): Promise<void> =>
  check(what, async () => {
    const error = await use().then(
      () => 'nothing is refused',
      (refusal: unknown) => (refusal instanceof DekError ? `${refusal.code} ${refusal.message}` : refusal),
    );
    return String(error).includes(words) ? undefined : String(error);
  });
await refuses('a key that is revoked while a command has it is used no more', 'NO_INPUT', () => lease.wrap(kek, 32));
await refuses('nor found', 'was revoked', () => openKek('afalg:logon:afalg:revoked'));
await refuses('no key', 'no such key', () => openKek('afalg:logon:afalg:none'));
const short = new Uint8Array(20);
added('user', 'afalg-short', short);
await refuses('a user key of 20 bytes', 'has 20 bytes, expected 16 or 32', () => openKek('afalg:user:afalg-short'));
added('logon', 'afalg:short', short);
await refuses('a logon key of 20 bytes', 'BAD_INPUT', () => openKek('afalg:logon:afalg:short'));
keyctl(['timeout', `${added('logon', 'afalg:short-lived')}`, '1']);
await pause(2500);
await refuses('a key that has expired', 'has expired', () => openKek('afalg:logon:afalg:short-lived'));
keyctl(['setperm', `${added('logon', 'afalg:closed')}`, '0x01010000']);
await refuses('a key that may be looked at only', 'PERMISSION', () => openKek('afalg:logon:afalg:closed'));
await refuses('a type that is none', 'BAD_ARGUMENT', () => openKek('afalg:keyring:x'));
process.exit(failed ? 1 : 0);

/** `run` returns what is wrong. */
async function check(what: string, run: () => Promise<string | undefined>): Promise<void> {
  const wrong = await run().catch((error: unknown) => (error as Error).stack ?? String(error));
  console.log(wrong === undefined ? `ok ${what}` : `FAIL ${what}: ${wrong}`);
  failed ||= wrong !== undefined;
}
