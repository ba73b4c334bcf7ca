/** What an apply makes of keys that another KEK has wrapped, and of names that have become other keys. */
import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {toHex} from '../../../src/bytes.js';
import {type ManifestDek, type ManifestHeader, newEdition, writeManifest} from '../../../src/manifest/index.js';
import {dcvHints, dekCheckValue, keyCheckValue, wrapCredential, wrapKey} from '../../../src/wrap/index.js';
import {untilHealed, untilLogged} from '../../support/agent/agent-log.js';
import {apply} from '../../support/agent/agent-manifests.js';
import {type AgentProcess, agentForEach} from '../../support/agent/agent-process.js';
import type {TestDevice} from '../../support/nic/device.js';
import {thrownBy} from '../../support/process/errors-thrown.js';
import {runDek} from '../../support/process/run-dek.js';

/** A DEK to be, of 256 bits with keytag: `key` is the first byte of its key. */
interface Vol {
  name: string;
  key: number;
  opaque?: number;
  keytag?: number;
  /** What is told of it; true when left out. */
  marks?: boolean;
}

interface Kek {
  kek: Uint8Array;
  id: number;
}

function plaintextOf({key, keytag = 7}: Vol): Uint8Array {
  const plaintext = new Uint8Array(72).fill(key, 0, 32).fill(key ^ 0xff, 32, 64);
  return plaintext.fill(keytag, 64);
}

function dekOf(vol: Vol, {kek}: Kek, version: 1 | 2): ManifestDek {
  const {name, opaque = 0, marks = true} = vol;
  const plaintext = plaintextOf(vol);
  const told = {dcv: dekCheckValue(plaintext), dcvHints: dcvHints(plaintext), keytagValue: plaintext.slice(64)};
  const dek = {
    name,
    keySize: 256,
    keytag: true,
    opaque: Uint8Array.of(opaque),
    wrapped: wrapKey(kek, plaintext),
  } as const;
  return version === 2 && marks ? {...dek, ...told} : dek;
}

const vols = (count: number): Vol[] => Array.from({length: count}, (_, i) => ({name: `vol-${i + 1}`, key: i + 1}));

describe('apply of re-wrapped keys', () => {
  let device: TestDevice;
  let agent: AgentProcess;
  let first: Kek;
  const second: Kek = {kek: randomBytes(32), id: 0x777};
  const use = (...own: [TestDevice, AgentProcess]): void => {
    [device, agent] = own;
    first = {kek: device.kek, id: device.kekId};
    // The officer's part.
    device.nic.set({keks: [{id: second.id, secret: second.kek}]});
  };

  async function write(deks: readonly Vol[], kek: Kek, version: 1 | 2 = 2): Promise<string> {
    const {credential, credentialId} = device;
    const header: ManifestHeader = {
      ...(version === 2 ? {edition: newEdition()} : {}),
      devices: [],
      importKekKcv: keyCheckValue(kek.kek),
      login: {importKekId: kek.id, credentialId, credential: wrapCredential(kek.kek, credential)},
    };
    const path = join(device.directory, 'manifest');
    const chunks: Uint8Array[] = [];
    for await (const chunk of writeManifest(
      header,
      deks.map((vol) => dekOf(vol, kek, version)),
    ))
      chunks.push(chunk);
    fs.writeFileSync(`${path}.new`, Buffer.concat(chunks));
    fs.renameSync(`${path}.new`, path);
    return path;
  }

  const plan = (changes: object): object => ({
    create: 0,
    replace: 0,
    rewrapped: 0,
    destroy: 0,
    unchanged: 0,
    ...changes,
  });

  describe('and checks of them each second', () => {
    agentForEach(['--check-interval', '1'], use);

    it('heals by the new manifest, though the old KEK is gone', async () => {
      await apply(agent, await write(vols(3), first));
      await apply(agent, await write(vols(3), second));
      device.nic.set({revokeKeks: [first.id]});
      device.nic.set({dekErrors: [{which: 'all'}]});
      await untilHealed(agent, 3);
      expect((await agent.client.status()).deks).to.include({total: 3, ready: 3});
    });
  });

  describe('by an agent', () => {
    agentForEach([], use);

    it('is one login, no create and no destroy', async () => {
      await apply(agent, await write(vols(101), first));
      const before = device.nic.show().total;
      const path = await write(vols(101), second);
      const dryRun = await runDek(['apply', path, '--dry-run', '--socket', agent.client.socket]);
      expect(dryRun.stdout.toString()).to.equal(
        'plan: 0 to create, 0 to replace, 101 re-wrapped, 0 to destroy, 0 unchanged\n',
      );
      const result = await apply(agent, path);
      expect(result).to.deep.include({plan: plan({rewrapped: 101}), untold: 0, failed: []});
      const after = device.nic.show();
      expect([after.total.deks - before.deks, after.total.logins - before.logins]).to.deep.equal([0, 1]);
      expect(after.live.deks).to.equal(101);
      expect((await agent.client.status()).devices[0]!.login).to.include({state: 'VALID', importKekId: second.id});
      expect((await apply(agent, path)).plan).to.deep.equal(plan({unchanged: 101}));
    });

    it('takes over what version 2 tells of keys that stay', async () => {
      const [one] = vols(1);
      await apply(agent, await write([one!], first, 1));
      expect((await agent.client.proveDeks({all: true}))[0]!.verdict).to.equal('not-provable');
      expect((await apply(agent, await write([one!], first))).plan).to.deep.equal(plan({unchanged: 1}));
      expect((await agent.client.proveDeks({all: true}))[0]!.verdict).to.equal('ok');
      const {manifest} = await agent.client.status();
      expect([manifest!.id!.length, manifest!.generation]).to.deep.equal([32, 1]);
    });

    it('replaces a key whose keytag or label is another', async () => {
      await apply(agent, await write(vols(3), first));
      const [one, two, three] = vols(3);
      const changed = [{...one!, keytag: 8}, {...two!, opaque: 1}, three!];
      const {plan: is} = await apply(agent, await write(changed, second));
      expect(is).to.deep.equal(plan({replace: 2, rewrapped: 1}));
    });

    for (const [title, was, is] of [
      ['the old one', {marks: false}, {}],
      ['the new one', {}, {marks: false}],
    ] as const) {
      it(`replaces a key when ${title} has no check value, with a warning`, async () => {
        const [one, two] = vols(2);
        await apply(agent, await write([{...one!, ...was}, two!], first));
        const path = await write([{...one!, ...is}, two!], second);
        const {status, stdout, stderr} = await runDek(['apply', path, '--socket', agent.client.socket]);
        expect([status, stdout.toString(), stderr]).to.deep.equal([
          0,
          'applied: 0 to create, 1 to replace, 1 re-wrapped, 0 to destroy, 0 unchanged\n',
          'warning: cannot tell whether 1 DEK to replace is another key: a check value (DCV) is missing\n',
        ]);
        expect(await untilLogged(agent, 'apply-untold')).to.deep.include({deks: 1, path});
      });
    }

    describe('where a name has become another key', () => {
      const [one, two] = vols(2);
      const other = {...one!, key: 0x40};
      const DCV = (vol: Vol): string => toHex(dekCheckValue(plaintextOf(vol))).slice(0, 8);
      const TEXT = `line 2: vol-1 is another key than it is here: its DCV begins with ${DCV(other)}, not ${DCV(one!)}`;

      it('refuses, and changes nothing', async () => {
        await apply(agent, await write([one!, two!], first));
        const {deks, logins} = device.nic.show().total;
        const error = await thrownBy(async () =>
          apply(agent, await write([other, two!, {name: 'new', key: 9}], first)),
        );
        expect([error.code, error.message]).to.deep.equal(['WRONG_KEY', `${TEXT}; nothing was changed`]);
        expect(error.hint).to.match(/if that is meant: --replace-key vol-1$/);
        expect(device.nic.show().total).to.include({deks, logins});
        expect((await agent.client.listDeks()).map(({name}) => name)).to.deep.equal(['vol-1', 'vol-2']);
        expect((await agent.client.proveDeks({all: true})).map(({verdict}) => verdict)).to.deep.equal(['ok', 'ok']);
      });

      it('refuses in a dry run too, tells how many there are, and exits with 6', async () => {
        await apply(agent, await write([one!, two!], first));
        const path = await write([other, {...two!, key: 0x41}], second);
        const {status, stderr} = await runDek(['apply', path, '--dry-run', '--socket', agent.client.socket]);
        expect([status, stderr.split('\n')[0]]).to.deep.equal([
          6,
          `error: ${TEXT}, and 1 more has become another key; nothing was changed`,
        ]);
      });

      it('replaces those that --replace-key names, and no others', async () => {
        await apply(agent, await write([one!, two!], first));
        const path = await write([other, two!], first);
        const args = ['apply', path, '--socket', agent.client.socket];
        expect((await runDek([...args, '--replace-key', 'vol-2'])).status).to.equal(6);
        const {status, stdout} = await runDek([...args, '--replace-key', 'vol-1', '--replace-key', 'vol-2']);
        expect([status, stdout.toString()]).to.deep.equal([
          0,
          'applied: 0 to create, 1 to replace, 0 re-wrapped, 0 to destroy, 1 unchanged\n',
        ]);
        expect((await agent.client.proveDeks({all: true})).map(({verdict}) => verdict)).to.deep.equal(['ok', 'ok']);
      });

      it('refuses though the DEK is missing on the NIC, as its data is not', async () => {
        await apply(agent, await write([one!, two!], first));
        device.nic.set({dekErrors: [{which: 'all'}]});
        const error = await thrownBy(async () => apply(agent, await write([other, two!], first)));
        expect(error.code).to.equal('WRONG_KEY');
      });
    });
  });
});
