import fs from 'node:fs';
import type {Socket} from 'node:net';
import {join} from 'node:path';
import {expect} from 'chai';
import type {DekError} from '../../src/errors.js';
import {MAX_ANSWER, SpdkClient} from '../../src/spdk/rpc.js';
import {SpdkServer} from '../support/spdk-server.js';
import {temporaryDirectory} from '../support/temporary-directory.js';

describe('SPDK JSON-RPC', () => {
  const KEYS = new Uint8Array(64).map((_, i) => i);
  let directory: string;
  let spdk: SpdkServer;
  beforeEach(async () => {
    directory = temporaryDirectory();
    spdk = await SpdkServer.listen(join(directory, 'spdk.sock'));
  });
  afterEach(async () => {
    await spdk.close();
    fs.rmSync(directory, {recursive: true, force: true});
  });

  /** What comes of a key when the server does this in place of an answer. */
  async function refused(instead: (peer: Socket, id: number) => void, timeoutMs = 60_000): Promise<DekError> {
    spdk.instead = instead;
    const client = await SpdkClient.connect(join(directory, 'spdk.sock'), timeoutMs);
    try {
      await client.createKey('vol-1', KEYS);
    } catch (error) {
      return error as DekError;
    } finally {
      client.close();
    }
    throw new Error('the key was taken');
  }
  const answer = (id: number, more: object): string => JSON.stringify({jsonrpc: '2.0', id, ...more});

  it('takes a key in an answer that comes byte by byte', async () => {
    spdk.instead = (peer, id) => {
      for (const byte of answer(id, {result: true})) peer.write(byte);
    };
    const client = await SpdkClient.connect(join(directory, 'spdk.sock'));
    await client.createKey('vol-1', KEYS);
    client.close();
  });

  it('takes no answer that is longer than the limit, whole or not', async () => {
    const long = 'x'.repeat(MAX_ANSWER);
    const whole = await refused((peer, id) => peer.write(answer(id, {result: true, more: long})));
    expect([whole.code, whole.message]).to.deep.equal(['IO', `${directory}/spdk.sock does not speak JSON-RPC`]);
    const endless = await refused((peer) => {
      const timer = setInterval(() => peer.write(long), 1);
      peer.once('close', () => clearInterval(timer));
    });
    expect(endless.message).to.contain('does not speak JSON-RPC');
  });

  it('does not wait for ever', async () => {
    const error = await refused(() => {}, 50);
    expect([error.code, error.message]).to.deep.equal(['IO', `no answer from ${directory}/spdk.sock within 0.05 s`]);
    const half = await refused((peer, id) => peer.write(answer(id, {result: true}).slice(0, -1)), 50);
    expect(half.message).to.contain('no answer');
  });

  const none = [{result: false}, {}, {result: 'true'}, {error: null}, {error: {code: 1}}, {error: 'no'}];
  for (const more of none) {
    it(`takes ${JSON.stringify(more)} for no key`, async () => {
      expect((await refused((peer, id) => peer.write(answer(id, more)))).code).to.equal('REFUSED');
    });
  }

  for (const text of ['[]', '1', 'null', '"x"', '{"id":"1","result":true}', '{"result":true}']) {
    it(`takes ${text} for no answer`, async () => {
      expect((await refused((peer) => peer.write(text))).message).to.contain('no answer to what was asked');
    });
  }

  it('repeats the words of the other side, but no key that they repeat', async () => {
    const hex = Buffer.from(KEYS).toString('hex');
    const [key, key2] = [hex.slice(0, 64), hex.slice(64).toUpperCase()];
    const message = `cannot parse {"key":"${key}","key2":"${key2}"}${' '.repeat(500)}`;
    const error = await refused((peer, id) => peer.write(answer(id, {error: {code: -32602, message}})));
    expect(error.message).to.contain('cannot parse {"key":"(digits)","key2":"(digits)"}');
    expect(error.message.length).to.be.below(300);
    expect(JSON.stringify([error.message, error.hint])).not.to.match(/[0-9a-f]{16}/i);
  });
});
