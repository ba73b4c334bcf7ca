import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {expect} from 'chai';
import {IMAGE} from '../../src/virtual/image-layout.js';
import {type DekKeys, wrapDek} from '../../src/wrap/index.js';
import {Client, hex, login} from '../support/nic/client.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {needing} from '../support/nic/release.js';
import {xts} from '../support/nic/xts.js';
import {describeHits, needlesOf, searchMemory} from '../support/process/memory.js';

/** Data units and their number in enum mlx5dv_block_size. */
const UNITS = {512: 0, 520: 1, 4048: 2, 4096: 3, 4160: 4} as const;
type Unit = keyof typeof UNITS & number;

const OP_ERROR = 'local QP operation error';

needing('multi-block AES-XTS').describe('AES-XTS on the virtual ConnectX', () => {
  let device: TestDevice;
  let client: Client;

  beforeEach(async () => {
    device = await testDevice();
    client = new Client(device, 'traffic.c');
  });
  afterEach(async () => {
    await client.end();
    device.remove();
  });

  function newKeys(keySize: 128 | 256, keytag = false): DekKeys {
    const bytes = keySize / 8;
    return {key1: randomBytes(bytes), key2: randomBytes(bytes), ...(keytag ? {keytag: randomBytes(8)} : {})};
  }

  /** A context with a looped QP 0, a login, DEK 0 of these keys and MKey 0 of 16 entries. */
  async function ready(keys: DekKeys, opaque = ''): Promise<void> {
    const session = login(device).replace('login', 'login 0');
    expect(await client.askAll(['open 0', session, 'qp 0', 'loop 0'])).to.deep.equal(['ok', 'ok', '0', 'ok']);
    const {length} = keys.key1;
    const dek = `dek 0 ${length * 8} ${Number(keys.keytag !== undefined)} ${hex(wrapDek(device.kek, keys))} ${opaque}`;
    expect(await client.askAll([dek, 'mkey 0 16'])).to.deep.equal(['0', '0']);
  }

  /** Lays MKey 0 out with DEK 0. */
  async function cipher(
    layout: string,
    unit: Unit,
    tx: boolean,
    tweak: Uint8Array,
    keytag?: Uint8Array,
  ): Promise<void> {
    const crypto = `0 ${UNITS[unit]} ${Number(tx)} ${hex(tweak)} ${keytag ? hex(keytag) : ''}`;
    expect(await client.askAll([`umr 0 0 ${layout} ${crypto}`, 'poll 0 1'])).to.deep.equal(['ok', 'success']);
  }

  async function memory(offset: number, bytes: number): Promise<Buffer> {
    return Buffer.from(await client.ask(`get 0 ${offset} ${bytes}`), 'hex');
  }

  /** What data becomes, unit by unit. */
  function encrypted(keys: DekKeys, unit: number, tweak: bigint, plain: Buffer): Buffer {
    const units = Array.from({length: Math.ceil(plain.length / unit)}, (_, i) => {
      const bytes = Buffer.alloc(16);
      const value = BigInt.asUintN(128, tweak + BigInt(i));
      bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
      bytes.writeBigUInt64LE(value >> 64n, 8);
      return xts(keys, bytes, plain.subarray(i * unit, (i + 1) * unit));
    });
    return Buffer.concat(units);
  }

  function tweakOf(value: bigint): Buffer {
    const bytes = Buffer.alloc(16);
    bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
    bytes.writeBigUInt64LE(value >> 64n, 8);
    return bytes;
  }

  for (const unit of Object.keys(UNITS).map(Number) as Unit[]) {
    for (const keySize of [128, 256] as const) {
      it(`has ${unit}-byte data units under a ${keySize}-bit DEK, both ways`, async () => {
        const keys = newKeys(keySize);
        // The low half of the tweak overflows after one unit.
        const tweak = (1n << 64n) - 1n;
        const bytes = 3 * unit;
        await ready(keys);
        const plain = randomBytes(bytes);
        await client.ask(`put 0 0 ${hex(plain)}`);
        await cipher(`list 0:${bytes}`, unit, true, tweakOf(tweak));
        expect(await client.askAll([`write 0 k0 0 ${bytes} 0 mr 65536`, 'poll 0 1'])).to.deep.equal(['ok', 'success']);
        const cipherText = await memory(65536, bytes);
        expect(hex(cipherText)).to.equal(hex(encrypted(keys, unit, tweak, plain)));
        // Ciphertext in memory: a store through the key encrypts, a load decrypts.
        await cipher(`list 131072:${bytes}`, unit, false, tweakOf(tweak));
        await client.askAll([`write 0 mr 0 ${bytes} 0 k0 0`, 'poll 0 1']);
        expect(hex(await memory(131072, bytes))).to.equal(hex(cipherText));
        expect(await client.askAll([`read 0 mr 200000 ${bytes} 0 k0 0`, 'poll 0 1'])).to.deep.equal([
          'ok',
          `success/${bytes}`,
        ]);
        expect(hex(await memory(200000, bytes))).to.equal(hex(plain));
        expect(device.nic.show().total).to.include({bytesEncrypted: 2 * bytes, bytesDecrypted: bytes});
      });
    }
  }

  it("comes to what NVIDIA's own vector for wrapped keys says", async () => {
    // DPDK, app/test/test_cryptodev_mlx5_test_vectors.h: under a KEK of zeros, on a single-block engine.
    const nic = await testDevice({kek: new Uint8Array(16), settings: {engines: ['single-block']}});
    await client.end();
    client = new Client(nic, 'traffic.c');
    try {
      const wrapped =
        '94d8aed774bf51f12d190b9ab3dc1ea95cc547c1bb94dbfa2b1e54a576ad074b46e0aaf9f75c642d8f041772e58dfe9c';
      const session = login(nic).replace('login', 'login 0');
      await client.askAll(['open 0', session, 'qp 0', 'loop 0', `dek 0 128 1 ${wrapped}`, 'mkey 0 4']);
      await client.ask(`put 0 0 ${'79'.repeat(512)}`);
      await cipher('list 0:512', 512, true, Buffer.from('4faef7117cda59c66e4b92013e768ad5', 'hex'), new Uint8Array(8));
      expect(await client.askAll(['write 0 k0 0 512 0 mr 4096', 'poll 0 1'])).to.deep.equal(['ok', 'success']);
      expect(await client.ask('get 0 4096 16')).to.equal('d3943ec9d34313d3077e511197a5b1b2');
    } finally {
      await client.end();
      nic.remove();
    }
  });

  it('counts the tweak as no other does, when told so', async () => {
    const keys = newKeys(256);
    await ready(keys);
    const plain = randomBytes(1024);
    await client.ask(`put 0 0 ${hex(plain)}`);
    const written = async (tweak: bigint): Promise<string> => {
      await cipher('list 0:1024', 512, true, tweakOf(tweak));
      await client.askAll(['write 0 k0 0 1024 0 mr 65536', 'poll 0 1']);
      return hex(await memory(65536, 1024));
    };
    const end = (1n << 64n) - 1n;
    const [first, second] = [plain.subarray(0, 512), plain.subarray(512)];
    expect(await written(end)).to.equal(hex(encrypted(keys, 512, end, plain)));
    device.nic.set({tweak: 'inc64'});
    expect(device.nic.show().tweak).to.equal('inc64');
    const high = end + (1n << 64n);
    const counted = Buffer.concat([encrypted(keys, 512, end, first), encrypted(keys, 512, high, second)]);
    expect(await written(end)).to.equal(hex(counted));
    device.nic.set({tweak: 'reversed'});
    expect(await written(1n)).to.equal(hex(encrypted(keys, 512, 1n << 120n, plain)));
  });

  it('takes a unit that a layout cuts up, repeats, or has from another key', async () => {
    const keys = newKeys(256);
    await ready(keys);
    const plain = randomBytes(1024);
    await client.ask(`put 0 0 ${hex(plain)}`);
    const expected = hex(encrypted(keys, 512, 7n, plain));
    await cipher('list 0:100,100:500,600:424', 512, true, tweakOf(7n));
    await client.askAll(['write 0 k0 0 1024 0 mr 65536', 'poll 0 1']);
    expect(hex(await memory(65536, 1024))).to.equal(expected);
    // 8 times 64 bytes of each of two places, 64 bytes apart.
    const parts = Array.from({length: 8}, (_, i) => [
      plain.subarray(128 * i, 128 * i + 64),
      plain.subarray(128 * i + 64),
    ]);
    for (const [i, [left, right]] of parts.entries()) {
      await client.ask(`put 0 ${10000 + 128 * i} ${hex(left!)}`);
      await client.ask(`put 0 ${20000 + 128 * i} ${hex(right!.subarray(0, 64))}`);
    }
    await cipher('8 10000:64:64,20000:64:64', 512, true, tweakOf(7n));
    await client.askAll(['write 0 k0 0 1024 0 mr 65536', 'poll 0 1']);
    expect(hex(await memory(65536, 1024))).to.equal(expected);
    expect(await client.askAll(['mkey 0 4', 'umr 0 1 list 0:1024:k0', 'poll 0 1'])).to.deep.equal([
      '1',
      'ok',
      'success',
    ]);
    await client.askAll(['write 0 k1 0 1024 0 mr 70000', 'poll 0 1']);
    expect(hex(await memory(70000, 1024))).to.equal(expected);
  });

  it('takes a message of many pieces, out of one cipher into another', async () => {
    const keys = newKeys(128);
    const bytes = 4160 * 200;
    await ready(keys);
    await client.askAll(['mkey 0 4', `fill 0 0 ${bytes} 1`]);
    const plain = await memory(0, bytes);
    await cipher(`list 0:${bytes}`, 4160, true, tweakOf(0n));
    await client.askAll([`umr 0 1 list 2097152:${bytes} 0 ${UNITS[520]} 0 ${hex(tweakOf(5n))}`, 'poll 0 1']);
    expect(await client.askAll([`write 0 k0 0 ${bytes} 0 k1 0`, 'poll 0 1'])).to.deep.equal(['ok', 'success']);
    const twice = encrypted(keys, 520, 5n, encrypted(keys, 4160, 0n, plain));
    expect((await memory(2097152, bytes)).equals(twice)).to.equal(true);
    // The two can be cut in pieces nowhere: the one begins after the other.
    await client.ask(`umr 0 0 list 0:${bytes} 0 ${UNITS[4160]} 1 ${hex(tweakOf(0n))}`);
    await client.ask('poll 0 1');
    await client.askAll([`recv 0 k1 0 ${bytes}`, `send 0 mr 0 520 x k0 0 ${bytes - 520 * 8}`, 'poll 0 2']);
    expect((await memory(2097152, 520)).equals(encrypted(keys, 520, 5n, plain.subarray(0, 520)))).to.equal(true);
  });

  it('compares the keytag of a DEK that has one, and of no other', async () => {
    const keys = newKeys(256, true);
    await ready(keys);
    await cipher('list 0:512', 512, true, tweakOf(0n), keys.keytag);
    expect(await client.askAll(['write 0 k0 0 512 0 mr 4096', 'poll 0 1'])).to.deep.equal(['ok', 'success']);
    const wrong = Uint8Array.from(keys.keytag!);
    wrong[7]! ^= 1;
    await cipher('list 0:512', 512, true, tweakOf(0n), wrong);
    expect(await client.askAll(['write 0 k0 0 512 0 mr 8192', 'poll 0 1'])).to.deep.equal(['ok', OP_ERROR]);
    expect(hex(await memory(8192, 512))).to.equal('00'.repeat(512));
    expect(await client.ask('query_qp 0')).to.equal('6');
  });

  it('says another error of the key of a peer', async () => {
    const keys = newKeys(256, true);
    await ready(keys);
    await cipher('list 0:512', 512, true, tweakOf(0n), new Uint8Array(8));
    expect(await client.askAll(['write 0 mr 0 512 0 k0 0', 'poll 0 1'])).to.deep.equal([
      'ok',
      'remote operation error',
    ]);
  });

  it('stops with a DEK that is destroyed, or in ERROR', async () => {
    await ready(newKeys(256), 'vol');
    await cipher('list 0:512', 512, true, tweakOf(0n));
    device.nic.set({dekErrors: [{which: {opaque: Buffer.from('vol')}}]});
    expect(await client.askAll(['write 0 k0 0 512 0 mr 4096', 'poll 0 1'])).to.deep.equal(['ok', OP_ERROR]);
    expect(device.nic.show().dekErrors[0]!.hits).to.equal(1);
    expect(await client.askAll(['destroy_dek 0', 'state 0 RESET', 'loop 0'])).to.deep.equal(['ok', 'ok', 'ok']);
    expect(await client.askAll(['write 0 k0 0 512 0 mr 4096', 'poll 0 1'])).to.deep.equal(['ok', OP_ERROR]);
  });

  it('goes on when the import KEK is revoked', async () => {
    await ready(newKeys(256));
    device.nic.set({revokeKeks: [device.kekId]});
    await cipher('list 0:512', 512, true, tweakOf(0n));
    expect(await client.askAll(['write 0 k0 0 512 0 mr 4096', 'poll 0 1'])).to.deep.equal(['ok', 'success']);
  });

  for (const [title, offset, bytes] of [
    ['begins within a unit', 16, 496],
    ['ends within a block', 0, 520],
  ] as const) {
    it(`refuses an access that ${title}`, async () => {
      await ready(newKeys(256));
      await cipher('list 0:4096', 512, true, tweakOf(0n));
      expect(await client.askAll([`write 0 k0 ${offset} ${bytes} 0 mr 8192`, 'poll 0 1'])).to.deep.equal([
        'ok',
        OP_ERROR,
      ]);
    });
  }

  describe('of one work request', () => {
    /** Runs one after the other until `rounds` times the process was stopped and looked at. */
    async function search(rounds: number, keys: DekKeys): Promise<string[]> {
      const needles = [...needlesOf('key1', keys.key1), ...needlesOf('key2', keys.key2)];
      const places: string[] = [];
      for (let round = 0; round < rounds; round++) {
        const done = client.askAll(['write 0 k0 0 4194304 0 mr 4194304', 'poll 0 1']);
        await new Promise((resolve) => setTimeout(resolve, 2 + (round % 5)));
        process.kill(client.pid, 'SIGSTOP');
        const maps = fs.readFileSync(`/proc/${client.pid}/smaps`, 'utf8');
        for (const {mapping} of searchMemory(client.pid, needles)) {
          const from = mapping.start.toString(16);
          const flags = new RegExp(`^0*${from}-[^]*?^VmFlags: (.*)$`, 'm').exec(maps)?.[1]?.split(' ') ?? [];
          places.push(`${mapping.end - mapping.start} ${['lo', 'dd', 'dc'].filter((flag) => flags.includes(flag))}`);
        }
        process.kill(client.pid, 'SIGCONT');
        await done;
      }
      return places;
    }

    it('keys are in one locked page that is in no core dump and in no child, and nowhere else', async () => {
      const keys = newKeys(256);
      await ready(keys);
      await cipher('list 0:4194304', 4096, true, tweakOf(0n));
      const places = await search(process.env['SLOW'] ? 300 : 30, keys);
      expect(new Set(places)).to.deep.equal(new Set(['4096 lo,dd,dc']));
    });

    it('nothing is left, in memory, in the file of the context, in the UAR', async () => {
      const keys = newKeys(256, true);
      await ready(keys);
      await cipher('list 0:1048576', 4096, true, tweakOf(0n), keys.keytag);
      await client.askAll(['write 0 k0 0 1048576 0 mr 4194304', 'poll 0 1']);
      process.kill(client.pid, 'SIGSTOP');
      const needles = [...needlesOf('key1', keys.key1), ...needlesOf('key2', keys.key2)];
      expect(describeHits(searchMemory(client.pid, needles))).to.equal('');
      const image = `${device.directory}/mlx5_0.nvram`;
      const root = needlesOf('root key', fs.readFileSync(image).subarray(IMAGE.root_key, IMAGE.root_key + 32));
      expect(describeHits(searchMemory(client.pid, root, {skip: ({path}) => path === image}))).to.equal('');
      const file = fs.readFileSync(`${device.directory}/mlx5_0.ctx/0`);
      for (const {name, bytes} of [...needles, ...needlesOf('keytag', keys.keytag!)]) {
        expect(file.includes(Buffer.from(bytes)), name).to.equal(false);
      }
    });
  });
});
