/**
 * Where the import KEK is, and what that costs: wraps a second by the software engine, by a token of SoftHSM2 through
 * `pkcs11:`, and by PyKMIP through `kmip://`, beside pkcs11-tool. By wall clock: other processes do the work.
 */
import {randomBytes} from 'node:crypto';
import {openKek} from '../src/custody/kek.js';
import {Servers} from '../src/kmip/servers.js';
import {BytesKek, type KekHandle} from '../src/wrap/kek-handle.js';
import {Certificates, PyKmip} from '../test/support/keys/kmip.js';
import {TestToken} from '../test/support/keys/token.js';
import {median, table} from './stats.js';

/** pkcs11-tool takes AES keys only: the keys are those of a 128-bit DEK. */
const KEY_BYTES = 32;
const ROUNDS = 5;

/** Wraps a second; medians. */
export interface CustodyCosts {
  [side: string]: number;
}

/** How many keys a round of a side wraps, and the round. */
type Side = readonly [keys: number, round: (keys: number) => Promise<void>];

export async function benchCustody(): Promise<CustodyCosts> {
  const kek = randomBytes(32);
  const token = new TestToken();
  const certificates = new Certificates();
  const server = await PyKmip.start(certificates);
  const handles: KekHandle[] = [];
  try {
    token.addKey('kek', '01', kek);
    token.addKeyToWrap('dek', '02', randomBytes(KEY_BYTES));
    const [id, dek] = server.register([
      {names: ['kek'], value: kek, masks: ['WRAP_KEY'], active: true},
      {names: ['dek'], value: randomBytes(KEY_BYTES)},
    ]) as [string, string];
    const servers = new Servers([{host: '127.0.0.1', port: server.port}], certificates.credentials());
    handles.push(new BytesKek(kek, 'here'), await openKek(token.uri('kek')));
    handles.push(await openKek(token.uri('kek', {query: '&x-lanes=aes-ecb'})));
    const [here, oneByOne, inLanes] = handles.map(wrapsOf);
    return await medians({
      'the software engine, one core': [65_536, here!],
      'pkcs11: in lanes': [16_384, inLanes!],
      'pkcs11: one by one': [2048, oneByOne!],
      'kmip:// one by one': [
        32,
        (keys) =>
          servers.use(async (client) => {
            for (let i = 0; i < keys; i++) await client.getWrapped(dek, id);
          }),
      ],
      'pkcs11-tool, a process each': [4, async (keys) => void token.wrapByTool(keys, '01', '02')],
    });
  } finally {
    for (const handle of handles) await handle.close();
    await server.kill();
    certificates.remove();
    token.remove();
  }
}

function wrapsOf(handle: KekHandle): (keys: number) => Promise<void> {
  return async (keys) => void (await handle.wrap(randomBytes(keys * KEY_BYTES), KEY_BYTES));
}

/** The sides take turns; the first round does not count. */
async function medians(sides: Readonly<Record<string, Side>>): Promise<CustodyCosts> {
  const rates = new Map<string, number[]>(Object.keys(sides).map((name) => [name, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, [keys, run]] of Object.entries(sides)) {
      const start = performance.now();
      await run(keys);
      if (round > 0) rates.get(name)!.push((keys / (performance.now() - start)) * 1000);
    }
  }
  return Object.fromEntries([...rates].map(([name, values]) => [name, median(values)]));
}

export function renderCustody(costs: CustodyCosts): string {
  const oneByOne = costs['pkcs11: one by one']!;
  const rows = Object.entries(costs).map(([name, rate]) => [
    name,
    Math.round(rate).toLocaleString('en'),
    (rate / oneByOne).toPrecision(3),
  ]);
  return table([['keys of 32 bytes, a KEK of 256 bits', 'wraps a second', 'to pkcs11: one by one'], ...rows]);
}
