/**
 * After each of the officer's commands that handles secrets, on the virtual ConnectX: none is left in the memory of its
 * process, in its arguments or in its environment. Left out is the NIC itself, whose image the process has mapped.
 */
import fs from 'node:fs';
import {expect} from 'chai';
import {wrapKey} from '../../src/wrap/index.js';
import {Card} from '../support/nic/officer.js';
import {describeHits, type Mapping, needlesOf} from '../support/process/memory.js';
import {DEK} from '../support/process/run-dek.js';
import {isProgramText, searchAfter} from '../support/process/search-after.js';

describe('memory after an officer’s command', () => {
  let card: Card;
  afterEach(() => card.remove());

  const skip = (mapping: Mapping): boolean => isProgramText(mapping) || mapping.path.endsWith('.nvram');
  const needles = (secrets: Record<string, Uint8Array>) => () =>
    Object.entries(secrets).flatMap(([name, secret]) => needlesOf(name, secret));
  const search = (args: string[], secrets: Record<string, Uint8Array>) =>
    searchAfter([DEK, ...args], new Uint8Array(), needles(secrets), {env: card.device.nic.environment(), skip});

  it('finds what a process on the NIC keeps', async () => {
    card = await Card.make();
    const keep = `globalThis.kept = require('fs').readFileSync('${card.device.nic.kekFile}')`;
    const env = card.device.nic.environment();
    const {hits} = await searchAfter(['-e', keep], new Uint8Array(), needles({kek: card.device.kek}), {env, skip});
    expect(hits).to.not.deep.equal([]);
  });

  for (const way of ['fwctl', 'DEVX']) {
    it(`holds no secret: operational, by ${way}`, async () => {
      card = await Card.make({commissioning: true});
      if (way === 'DEVX') card.device.nic.set({fwctl: false, devxRegisters: true});
      const {kek, credential} = card.device;
      const args = ['--kek', card.kek, '--credential', `file:${card.device.nic.credentialFile}`, '--yes'];
      const {hits, status} = await search(['officer', 'operational', ...args], {kek, credential});
      expect(describeHits(hits)).to.equal('');
      expect(status).to.equal(0);
      expect(card.device.nic.show().state).to.equal('operational');
    });
  }

  it('holds no secret: operational that is refused', async () => {
    card = await Card.make({commissioning: true});
    card.device.nic.set({faults: [{command: 'access', status: 1, times: 'always'}]});
    const {kek, credential} = card.device;
    const args = ['--kek', card.kek, '--credential', `file:${card.device.nic.credentialFile}`, '--yes'];
    const {hits, status} = await search(['officer', 'operational', ...args], {kek, credential});
    expect(describeHits(hits)).to.equal('');
    expect(status).to.equal(4);
  });

  it('holds no secret: kek add, credential add', async () => {
    card = await Card.make();
    const {kek, credential} = card.device;
    const [next, host] = [card.secret('kek-2', 32), card.secret('host', 40)];
    for (const args of [
      ['kek', 'add', next.source],
      ['credential', 'add', host.source, '--role', 'user'],
    ]) {
      const secrets = {kek, credential, next: next.content, host: host.content};
      const {hits, status} = await search(['officer', ...args, '--kek', card.kek, ...card.officer()], secrets);
      expect(describeHits(hits)).to.equal('');
      expect(status).to.equal(0);
    }
    const {importKeks, credentials} = card.device.nic.show();
    expect([importKeks.length, credentials.length]).to.deep.equal([2, 2]);
  });

  it('holds no secret: kek add that the NIC refuses', async () => {
    card = await Card.make();
    const next = card.secret('kek-2', 32);
    const wrong = wrapKey(card.device.kek, new Uint8Array(40));
    const args = ['officer', 'kek', 'add', next.source, '--kek', card.kek, ...card.officer(wrong)];
    const {hits, status} = await search(args, {kek: card.device.kek, next: next.content});
    expect(describeHits(hits)).to.equal('');
    expect(status).to.equal(4);
    expect(fs.readFileSync(next.path)).to.have.lengthOf(32);
  });
});
