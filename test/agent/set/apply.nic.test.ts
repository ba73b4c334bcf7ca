import fs from 'node:fs';
import {expect} from 'chai';
import type {ApplyPlan} from '../../../src/agent/protocol.js';
import {apply, held, setOf, type Vol, vols, writeManifestFile} from '../../support/agent/agent-manifests.js';
import {AgentProcess, live, NOTHING, wrappedDek} from '../../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';
import {thrownBy} from '../../support/process/errors-thrown.js';

const plan = (create: number, replace: number, destroy: number, unchanged: number): ApplyPlan => ({
  create,
  replace,
  rewrapped: 0,
  destroy,
  unchanged,
});

/** As the NIC stores it. */
const opaqueOf = (version: number): Uint8Array => Uint8Array.of(version, 0, 0, 0, 0, 0, 0, 0);

describe('apply', () => {
  let device: TestDevice;
  let agent: AgentProcess;

  beforeEach(async () => {
    device = await testDevice({settings: {logMaxDeks: 10}});
    agent = await AgentProcess.start(device);
  });
  afterEach(async () => {
    const status = await agent.end();
    const left = live(device);
    device.remove();
    expect(status, agent.log).to.equal(0);
    expect(left).to.deep.equal(NOTHING);
  });

  const manifest = (...deks: readonly Vol[]): string => writeManifestFile(device, deks);
  const made = (): number => device.nic.show().total.deks;
  const counters = (deks: number): ReturnType<typeof live> => ({contexts: 1, pds: 1, logins: 1, deks});

  describe('makes the set', () => {
    it('of an agent that holds nothing and is not logged in', async () => {
      const result = await apply(agent, manifest(...vols(1, 20)));
      expect(result.plan).to.deep.equal(plan(20, 0, 0, 0));
      expect(result.failed).to.deep.equal([]);
      expect(await held(agent)).to.deep.equal(setOf(vols(1, 20)));
      expect(live(device)).to.deep.equal(counters(20));
    });

    it('by creating, replacing, destroying and leaving exactly what is needed', async () => {
      await apply(agent, manifest(...vols(1, 97)));
      const before = made();
      const next = [...vols(1, 94), {name: 'vol-95', version: 2}, ...vols(98, 100)];
      const {plan: planned} = await apply(agent, manifest(...next));
      expect(planned).to.deep.equal(plan(3, 1, 2, 94));
      expect(await held(agent)).to.deep.equal(setOf(next));
      expect(live(device)).to.deep.equal(counters(98));
      expect(made() - before, 'made').to.equal(4);
    });

    it('of more DEKs than are made at a time', async () => {
      await apply(agent, manifest(...vols(1, 600)));
      expect(await held(agent)).to.deep.equal(setOf(vols(1, 600)));
      expect(live(device)).to.deep.equal(counters(600));
    });

    it('with nothing to do the second time', async () => {
      const path = manifest(...vols(1, 5));
      await apply(agent, path);
      const before = device.nic.show().total;
      expect((await apply(agent, path)).plan).to.deep.equal(plan(0, 0, 0, 5));
      const {deks, logins} = device.nic.show().total;
      expect({deks, logins}).to.deep.equal({deks: before.deks, logins: before.logins});
    });

    it('of no DEKs', async () => {
      await apply(agent, manifest(...vols(1, 5)));
      expect((await apply(agent, manifest())).plan).to.deep.equal(plan(0, 0, 5, 0));
      expect(live(device)).to.deep.equal(counters(0));
    });

    it('with DEKs that were created one by one replaced or destroyed', async () => {
      await agent.login();
      await agent.create('vol-1');
      await agent.create('other');
      expect((await apply(agent, manifest(...vols(1, 2)))).plan).to.deep.equal(plan(1, 1, 1, 0));
      expect(await held(agent)).to.deep.equal(setOf(vols(1, 2)));
    });

    it('with a DEK in ERROR replaced', async () => {
      const path = manifest(...vols(1, 3));
      await apply(agent, path);
      device.nic.set({dekErrors: [{which: 'all'}]});
      expect((await apply(agent, path)).plan).to.deep.equal(plan(0, 3, 0, 0));
      expect(await held(agent)).to.deep.equal(setOf(vols(1, 3)));
    });

    it('with a DEK replaced that turned to ERROR while the login was INVALID', async () => {
      const path = manifest(...vols(1, 3));
      await apply(agent, path);
      device.nic.set({revokeKeks: [device.kekId], dekErrors: [{which: {opaque: opaqueOf(1)}}]});
      device.nic.set({keks: [{id: device.kekId, secret: device.kek}]});
      expect((await apply(agent, path)).plan).to.deep.equal(plan(0, 3, 0, 0));
      expect(await held(agent)).to.deep.equal(setOf(vols(1, 3)));
    });

    it('READY again when only the login had turned INVALID', async () => {
      const path = manifest(...vols(1, 3));
      await apply(agent, path);
      device.nic.set({revokeKeks: [device.kekId]});
      expect(await held(agent)).to.include({'vol-1': 'UNKNOWN 1'});
      device.nic.set({keks: [{id: device.kekId, secret: device.kek}]});
      expect((await apply(agent, path)).plan).to.deep.equal(plan(0, 0, 0, 3));
      expect((await agent.client.status()).deks).to.deep.equal({
        total: 3,
        ready: 3,
        error: 0,
        unknown: 0,
        proven: 0,
        wrong: 0,
      });
    });
  });

  it('changes nothing with dryRun, and tells the plan', async () => {
    await apply(agent, manifest(...vols(1, 4)));
    const before = await agent.client.status();
    const dry = await apply(agent, manifest(...vols(2, 9, 2)), {dryRun: true});
    expect(dry.plan).to.deep.equal(plan(5, 3, 1, 0));
    expect(await held(agent)).to.deep.equal(setOf(vols(1, 4)));
    expect(made()).to.equal(4);
    expect(await agent.client.status()).to.deep.equal(before);
  });

  it('does not log in with dryRun', async () => {
    expect((await apply(agent, manifest(...vols(1, 4)), {dryRun: true})).plan).to.deep.equal(plan(4, 0, 0, 0));
    expect(live(device)).to.deep.equal({...NOTHING, contexts: 1, pds: live(device).pds});
  });

  describe('all or nothing', () => {
    for (const [where, bad] of [
      ['first', 3],
      ['in the middle', 150],
      ['in the second batch', 400],
      ['last', 500],
    ] as const) {
      it(`takes back what it made when the NIC refuses a key, ${where}`, async () => {
        await apply(agent, manifest(...vols(1, 4)));
        const before = await agent.client.status();
        const next = vols(3, 500, 2).map((vol) => ({...vol, altered: vol.name === `vol-${bad}`}));
        const error = await thrownBy(() => apply(agent, manifest(...next)));
        expect(error).to.include({code: 'REFUSED', errno: 'EINVAL'});
        expect(error.message).to.match(new RegExp(`^line ${bad - 1}: vol-${bad}: .*refused the wrapped key \\(`));
        expect(live(device)).to.deep.equal(counters(4));
        expect(await held(agent)).to.deep.equal(setOf(vols(1, 4)));
        expect(await agent.client.status()).to.deep.equal(before);
      });
    }

    it('takes back the first set of an agent, and its login', async () => {
      await thrownBy(() => apply(agent, manifest(...vols(1, 9), {name: 'bad', altered: true})));
      expect(live(device)).to.deep.equal({...counters(0), logins: 0});
      expect((await agent.client.status()).manifest).to.equal(null);
    });

    it('takes back DEKs that are made and not READY, when it is to query', async () => {
      await apply(agent, manifest(...vols(1, 4)));
      device.nic.set({dekErrors: [{which: {opaque: opaqueOf(2)}, future: true}]});
      const path = manifest(...vols(1, 9), ...vols(10, 11, 2), ...vols(12, 20));
      const error = await thrownBy(() => apply(agent, path, {query: true}));
      expect(error.code).to.equal('NOT_READY');
      expect(error.message).to.match(/^line 11: vol-10: .*ERROR/);
      expect(live(device)).to.deep.equal(counters(4));
    });

    it('costs a create a DEK and a few commands more, and twice that when it is to query', async () => {
      const commands = (): number => device.nic.show().total.commands;
      const before = commands();
      await apply(agent, manifest(...vols(1, 400)));
      const first = commands() - before - 400;
      expect(first).to.be.within(0, 5);
      await apply(agent, manifest(...vols(1, 400), ...vols(401, 800)), {query: true});
      // The second apply asks for the DEKs that are there, and again, after its login, for those that it did not know.
      expect(commands() - before - first - 400).to.be.within(400 + 800, 400 + 800 + 10);
    });

    it('changes nothing for a manifest whose last line is at fault', async () => {
      const path = manifest(...vols(1, 600));
      fs.appendFileSync(path, '{"name":"vol-601"}\n');
      const error = await thrownBy(() => apply(agent, path));
      expect(error.code).to.equal('BAD_INPUT');
      expect(error.message).to.match(/^line 602: /);
      expect(made()).to.equal(0);
    });
  });

  describe('with keepGoing', () => {
    const bad = [
      {name: 'bad-1', altered: true},
      {name: 'vol-2', version: 2, altered: true},
    ];

    beforeEach(() => apply(agent, manifest(...vols(1, 2))));

    it('keeps what worked, the old DEK where its new one was refused, and lists the rest', async () => {
      const {failed, plan: planned} = await apply(agent, manifest(...vols(1, 1), ...bad, ...vols(3, 300)), {
        keepGoing: true,
      });
      expect(planned).to.deep.equal(plan(299, 1, 0, 1));
      expect(failed.map(({line, name, device: on, errno}) => [line, name, on, errno])).to.deep.equal([
        [3, 'bad-1', 'mlx5_0', 'EINVAL'],
        [4, 'vol-2', 'mlx5_0', 'EINVAL'],
      ]);
      expect(await held(agent)).to.deep.equal(setOf(vols(1, 300)));
      expect(live(device)).to.deep.equal(counters(300));
      expect((await agent.client.status()).manifest?.failed).to.equal(2);
    });

    it('ends all the same when the NIC goes away', async () => {
      device.nic.set({gone: true});
      const error = await thrownBy(() => apply(agent, manifest(...vols(1, 9)), {keepGoing: true}));
      expect(error.code).to.equal('DEVICE_GONE');
      device.nic.set({gone: false});
      await apply(agent, undefined);
      expect(await held(agent)).to.deep.equal(setOf(vols(1, 9)));
    });
  });

  describe('looks at the capacity before the first create', () => {
    it('of an agent that holds nothing', async () => {
      const error = await thrownBy(() => apply(agent, manifest(...vols(1, 1025))));
      expect(error).to.include({code: 'LIMIT'});
      expect(error.message).to.include('at most 1024 DEKs, and the manifest names 1025');
      expect(device.nic.show().total).to.include({deks: 0, logins: 0});
    });

    it('and replaces in slices where there is no room for the old and the new together', async () => {
      await apply(agent, manifest(...vols(1, 600)));
      const next = [...vols(100, 800, 2), ...vols(801, 1000)];
      expect((await apply(agent, manifest(...next))).plan).to.deep.equal(plan(400, 501, 99, 0));
      expect(await held(agent)).to.deep.equal(setOf(next));
      expect(live(device)).to.deep.equal(counters(901));
    });

    it('and lists what it could not replace then', async () => {
      await apply(agent, manifest(...vols(1, 600)));
      const next = vols(1, 600, 2).map((vol, i) => (i === 300 ? {...vol, altered: true} : vol));
      const {failed} = await apply(agent, manifest(...next));
      expect(failed.map(({line, name, code}) => [line, name, code])).to.deep.equal([[302, 'vol-301', 'REFUSED']]);
      expect(await held(agent)).to.deep.equal(setOf(next.filter(({name}) => name !== 'vol-301')));
      expect(live(device)).to.deep.equal(counters(599));
    });

    it('and loses one DEK at most to a manifest that the NIC refuses altogether', async () => {
      await apply(agent, manifest(...vols(1, 1024)));
      const bad = (from: number) => manifest(...vols(from, from + 600, 2).map((vol) => ({...vol, altered: true})));
      const error = await thrownBy(() => apply(agent, bad(1)));
      expect(error).to.include({code: 'REFUSED'});
      expect(error.message).to.match(/^line 2: vol-1: .*; no more than one DEK was destroyed$/);
      expect(await held(agent)).to.deep.equal(setOf(vols(2, 1024)));
      await apply(agent, manifest(...vols(1, 1024)));
      expect((await thrownBy(() => apply(agent, bad(2001)))).code).to.equal('REFUSED');
      expect(Object.keys(await held(agent)).length).to.equal(1023);
      expect(live(device).deks).to.equal(1023);
    });

    it('and fills the NIC to the last DEK', async () => {
      await apply(agent, manifest(...vols(1, 1024)));
      expect(live(device).deks).to.equal(1024);
    });

    it('and takes back what it made when another process fills the NIC meanwhile', async () => {
      const other = await AgentProcess.start(device, {socket: `${agent.socket}2`});
      try {
        await other.login();
        await other.create('other', 9);
        const error = await thrownBy(() => apply(agent, manifest(...vols(1, 1024))));
        expect(error).to.include({code: 'LIMIT', errno: 'ENOMEM'});
        expect(error.message).to.match(/^line \d+: vol-\d+: /);
        expect(live(device).deks).to.equal(1);
      } finally {
        await other.end();
      }
    });
  });

  it('wants a login for a manifest without one', async () => {
    const path = writeManifestFile(device, vols(1, 2), {login: false});
    expect((await thrownBy(() => apply(agent, path))).code).to.equal('NO_LOGIN');
    await agent.login();
    await apply(agent, path);
    expect(live(device).deks).to.equal(2);
  });

  it('refuses what would come meanwhile as BUSY, and answers questions', async () => {
    device.nic.set({latencyUs: 200_000});
    const applied = apply(agent, manifest(...vols(1, 200)));
    let busy = 0;
    for (let i = 0; i < 200 && busy === 0 && live(device).deks < 200; i++) {
      await agent.client
        .createDek({name: 'x', wrapped: wrappedDek(device), opaque: new Uint8Array()})
        .catch((error) => {
          if (error.code === 'BUSY') busy++;
        });
    }
    expect((await agent.client.status()).deks.total).to.equal(0);
    expect(busy).to.equal(1);
    device.nic.set({latencyUs: 0});
    await applied;
    expect(live(device).deks).to.equal(200);
  });
});
