import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {openManifest} from '../../src/manifest/index.js';
import {unwrapKey, wrapCredential} from '../../src/wrap/index.js';
import {newOfficerKeys, TestSet, volumes} from '../support/fleet/fleet.js';
import {runDek} from '../support/process/run-dek.js';
import {temporaryDirectory} from '../support/temporary-directory.js';

describe('dek rewrap --to-list', () => {
  const directory = temporaryDirectory();
  const master = newOfficerKeys(1);
  const hosts = [2, 3].map((id) => ({name: `node-${id}`, keys: newOfficerKeys(id)}));
  const at = (name: string): string => join(directory, name);
  let path: string;

  before(async () => {
    path = await new TestSet(directory).write({names: volumes(700), under: master, file: 'master'});
    fs.writeFileSync(at('kek'), master.kek, {mode: 0o600});
    for (const {name, keys} of hosts) {
      fs.writeFileSync(at(`${name}.kek`), keys.kek, {mode: 0o600});
      fs.writeFileSync(at(`${name}.credential`), wrapCredential(keys.kek, keys.credential));
    }
  });
  after(() => fs.rmSync(directory, {recursive: true}));

  const list = (
    change: (line: Record<string, unknown>, i: number) => Record<string, unknown> = (line) => line,
  ): void => {
    const lines = hosts.map(({name, keys}, i) => {
      const ids = {importKekId: keys.kekId, credentialId: keys.credentialId};
      return change({host: name, kek: `file:${at(`${name}.kek`)}`, ...ids, credential: at(`${name}.credential`)}, i);
    });
    fs.writeFileSync(at('list'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  };
  const rewrap = (...words: string[]) =>
    runDek(['rewrap', path, '--from', `file:${at('kek')}`, '--to-list', at('list'), '--output', directory, ...words]);
  const keysIn = async (file: string, kek: Uint8Array): Promise<Map<string, string>> => {
    const keys = new Map<string, string>();
    for await (const {name, wrapped} of (await openManifest(file)).entries) {
      keys.set(name, Buffer.from(unwrapKey(kek, wrapped)).toString('hex'));
    }
    return keys;
  };

  it('writes for each host a manifest of the same keys under its own KEK, with its login', async () => {
    list();
    const {status, stderr} = await rewrap();
    expect(status, stderr).to.equal(0);
    const keys = await keysIn(path, master.kek);
    const ids = new Set<string>();
    for (const {name, keys: own} of hosts) {
      const file = at(`${name}.manifest`);
      const {header, entries} = await openManifest(file);
      await entries.return();
      expect(header.edition).to.deep.include({generation: 1, hosts: [name]});
      expect(header.login).to.deep.include({importKekId: own.kekId, credentialId: own.credentialId});
      expect(await keysIn(file, own.kek)).to.deep.equal(keys);
      ids.add(Buffer.from(header.edition!.id).toString('hex'));
    }
    expect(ids).to.have.property('size', 2);
    expect((await rewrap()).status).to.equal(5);
    expect((await rewrap('--force')).status).to.equal(0);
  });

  it('refuses a list with a fault, and a credential under another KEK, and writes nothing', async () => {
    for (const {name} of hosts) fs.rmSync(at(`${name}.manifest`), {force: true});
    list((line, i) => (i === 1 ? {...line, credential: at('node-2.credential')} : line));
    expect((await rewrap()).status).to.equal(6);
    list((line, i) => (i === 1 ? {...line, keks: 'x'} : line));
    const refused = await rewrap();
    expect([refused.status, /list: line 2: expected an object/.test(refused.stderr)]).to.deep.equal([2, true]);
    expect(fs.readdirSync(directory).filter((name) => name.endsWith('.manifest'))).to.deep.equal([]);
  });
});
