/** The table of docs/failures.md: each row made on a virtual ConnectX, for a program in C and for the bindings. */
import {createCipheriv} from 'node:crypto';
import {readFileSync} from 'node:fs';
import {expect} from 'chai';
import type {Settings} from '../../src/virtual/index.js';
import {wrapCredential, wrapKey} from '../../src/wrap/index.js';
import {Child} from '../support/child.js';
import {Client, hex, testKeys} from '../support/nic/client.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {needing} from '../support/nic/release.js';

const DOCUMENT = new URL('../../../docs/failures.md', import.meta.url);
const TEXT = readFileSync(DOCUMENT, 'utf8');
/** The row of which the page has all that is said. */
const [, IN_FULL, FULL_LINES = ''] =
  /^In full, row (\d+):\n\n<!-- run: row -->\n```\n\$ .*\n((?:.*\n)*?)\$ dek explain/m.exec(TEXT) ?? [];
const FULL_TEXT = FULL_LINES.trim().replace(/\s+/g, ' ');
const ROWS = [...TEXT.matchAll(/^\| (\d+) \| (.*) \| (E[A-Z]+) \| (.*) \| ?(.*) ?\|$/gm)];

/** A case: what a user has, and what the NIC is. */
interface Case {
  /** Set before the device is opened. */
  nic?: Settings;
  /** Set after the login. */
  later?: Settings;
  credential?: string;
  credentialId?: number;
  kekId?: number;
  /** A second login is what fails; or there is none. */
  logins?: 0 | 2;
  key?: string;
  /** So many are made before the one that fails. */
  before?: number;
}

const OTHER = new Uint8Array(32).fill(0x77);
const {key1, key2, keytag} = testKeys(256, true);
const PLAIN = Buffer.concat([key1, key2, keytag!]);

function casesOn({kek, credential, wrappedCredential}: TestDevice): Case[] {
  const flip = (bytes: Uint8Array): string => hex(Uint8Array.from(bytes, (byte, i) => (i === 9 ? byte ^ 1 : byte)));
  const create = (more: object): Settings => ({faults: [{command: 'create', object: 'dek', times: 'always', ...more}]});
  const equal = Buffer.concat([key1, key1, keytag!]);
  return [
    {credential: hex(wrapCredential(OTHER, credential))},
    {credentialId: 0xfffffe},
    {kekId: 0xfffffe},
    {credential: flip(wrappedCredential)},
    {later: {revokeKeks: [-1]}},
    {logins: 2},
    {logins: 0},
    {key: hex(wrapKey(OTHER, PLAIN))},
    {key: flip(wrapKey(kek, PLAIN))},
    {key: hex(padded(kek, PLAIN))},
    {key: hex(PLAIN)},
    {nic: {policy: 'fips'}, key: hex(wrapKey(kek, equal))},
    {nic: {state: 'commissioning'}},
    {nic: {importMode: 'plaintext'}},
    {nic: {engines: []}},
    {nic: {logMaxDeks: 1}, before: 2},
    {later: create({status: 0x06})},
    {later: create({status: 0x0f})},
    {later: create({status: 0x01})},
    {later: {gone: true}},
  ];
}

/** RFC 5649, by OpenSSL: key wrap with padding. */
function padded(kek: Uint8Array, plaintext: Uint8Array): Buffer {
  const iv = Buffer.from('a65959a6', 'hex');
  const cipher = createCipheriv('id-aes256-wrap-pad', kek, iv);
  return Buffer.concat([cipher.update(plaintext), cipher.final()]);
}

needing('multi-block AES-XTS').describe('docs/failures.md', () => {
  it('has twenty rows, of which none says nothing or what another says of another cause', () => {
    expect(ROWS.map(([, number]) => Number(number))).to.deep.equal(Array.from({length: 20}, (_, i) => i + 1));
    for (const [, number, wrong, , message] of ROWS) {
      expect(wrong!.length, number).to.be.above(10);
      expect(message!.trim().length, number).to.be.above(10);
    }
    expect(new Set(ROWS.map(([, , wrong]) => wrong)).size).to.equal(20);
    expect(IN_FULL).to.equal('8');
  });

  for (const [, number, wrong, errno, message, hint] of ROWS) {
    it(`${number}: ${wrong} is ${errno}, and ${message}`, async () => {
      const device = await testDevice();
      const client = new Client(device);
      const child = new Child(device.nic.environment());
      try {
        const one = casesOn(device)[Number(number) - 1]!;
        if (one.nic) device.nic.set(one.nic);
        const later = one.later?.revokeKeks ? {revokeKeks: [device.kekId]} : one.later;
        expect(await inC(device, client, one, later), 'in C').to.equal(errno);
        await client.end();
        reset(device, later);
        const said = await ours(device, child, one, later);
        expect(said.message).to.contain(message);
        if (hint!.trim() === '') expect(said.hint, 'the table says that there is none').to.equal('');
        else expect(said.hint).to.contain(hint!.trim());
        if (number === IN_FULL) expect(`error: ${said.message} hint: ${said.hint}`).to.equal(FULL_TEXT);
      } finally {
        await Promise.all([client.end(), child.stop()]);
        device.remove();
      }
    });
  }
});

function reset(device: TestDevice, later: Settings | undefined): void {
  device.nic.set({faults: [], gone: false});
  if (later?.revokeKeks) device.nic.set({keks: [{id: device.kekId, secret: device.kek}]});
}

/** The errno of the first call that fails. */
async function inC(device: TestDevice, client: Client, one: Case, later: Settings | undefined): Promise<string> {
  const {credential = hex(device.wrappedCredential), credentialId = device.credentialId, kekId = device.kekId} = one;
  const {key = hex(wrapKey(device.kek, PLAIN)), before = 0, logins = 1} = one;
  await client.askAll(['open', 'pd']);
  for (let i = 0; i < logins; i++) {
    const answer = await client.ask(`login ${kekId} ${credentialId} ${credential}`);
    if (answer.startsWith('E')) return answer;
  }
  if (later) device.nic.set(later);
  for (let i = 0; i <= before; i++) {
    const tagged = key.length === 160 ? 1 : 0;
    const answer = await client.ask(`create session 256 ${tagged} ${key}`);
    if (answer.startsWith('E')) return answer;
  }
  return 'ok';
}

async function ours(
  device: TestDevice,
  child: Child,
  one: Case,
  later: Settings | undefined,
): Promise<{message: string; hint: string}> {
  const {credential = hex(device.wrappedCredential), credentialId = device.credentialId, kekId = device.kekId} = one;
  const {key = hex(wrapKey(device.kek, PLAIN)), before = 0, logins = 1} = one;
  await child.run(async ({kept, openDevice}) => {
    kept.device = await openDevice();
  });
  const attempt = (create: number | undefined) =>
    child.run(
      ({kept, bytes}, {login, create, key, ...ids}) => {
        try {
          for (let i = 0; i < login.times; i++) kept.device!.login({...ids, credential: bytes(login.credential)});
          const options = {wrapped: bytes(key), keySize: 256, keytag: key.length === 160} as const;
          for (let i = 0; i < create; i++) kept.device!.createDek(options);
          return undefined;
        } catch (error) {
          const {message, hint = ''} = error as {message: string; hint?: string};
          return {message, hint};
        }
      },
      {
        login: {times: create === undefined ? logins : 0, credential},
        create: create ?? 0,
        key,
        credentialId,
        importKekId: kekId,
      },
    );
  const atLogin = await attempt(undefined);
  if (atLogin) return atLogin;
  if (later) device.nic.set(later);
  return (await attempt(before + 1)) ?? {message: 'it was not refused', hint: ''};
}
