import fs from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import {Client, login, testKeys, wrapped} from '../support/nic/client.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {errnoOf} from '../support/nic/release.js';
import {describeHits, needlesOf, searchMemory} from '../support/process/memory.js';

const NO_OBJECTS = {pds: 0, logins: 0, deks: 0, cqs: 0, qps: 0, mrs: 0, mkeys: 0};
const NOTHING = {contexts: 0, ...NO_OBJECTS, processes: [], open: []};

describe('the virtual ConnectX and the life of processes', () => {
  let device: TestDevice;
  const clients: Client[] = [];

  beforeEach(async () => {
    device = await testDevice();
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.end();
    device.remove();
  });

  function start(): Client {
    const client = new Client(device);
    clients.push(client);
    return client;
  }

  /** A client with a context, a PD, a login and `deks` DEKs. */
  async function holder(deks: number): Promise<Client> {
    const client = start();
    expect(await client.askAll(['open', 'pd', login(device)])).to.deep.equal(['ok', 'ok', 'ok']);
    expect(await client.ask(`many ${deks} session 256 0 ${wrapped(device)} vol`)).to.match(new RegExp(`^${deks} `));
    return client;
  }

  it('a process killed by SIGKILL leaves nothing', async () => {
    const client = await holder(50);
    const other = await holder(3);
    const one = {...NO_OBJECTS, pds: 1, logins: 1};
    const second = {...one, deks: 3, processes: [other.pid]};
    expect(device.nic.show().live).to.deep.equal({
      ...NO_OBJECTS,
      contexts: 2,
      pds: 2,
      logins: 2,
      deks: 53,
      processes: [client.pid, other.pid],
      open: [{...one, deks: 50, processes: [client.pid]}, second],
    });
    await client.end('SIGKILL');
    expect(device.nic.show().live).to.deep.equal({...second, contexts: 1, open: [second]});
  });

  it('what is open is told while contexts come and go', () => {
    const clients = [start(), start()];
    for (const client of clients) client.process.stdin!.write('open\nclose\n'.repeat(3000));
    for (let i = 0; i < 200; i++) expect(device.nic.show().live.contexts).to.be.within(0, 2);
  });

  it('a zombie leaves nothing', async () => {
    const client = start();
    expect(await client.askAll(['open', 'pd'])).to.deep.equal(['ok', 'ok']);
    process.kill(client.pid, 'SIGKILL');
    // Not waited for as long as this does not return to the event loop.
    const until = Date.now() + 5000;
    while (device.nic.show().live.contexts > 0 && Date.now() < until);
    expect(fs.readFileSync(`/proc/${client.pid}/stat`, 'utf8')).to.match(/\) Z /);
    expect(device.nic.show().live).to.deep.equal(NOTHING);
  });

  it('the limit counts the DEKs of all processes, and not those of the dead', async () => {
    device.nic.set({logMaxDeks: 4});
    const first = await holder(10);
    const second = start();
    expect(await second.askAll(['open', 'pd', login(device)])).to.deep.equal(['ok', 'ok', 'ok']);
    const question = `many 16 session 256 0 ${wrapped(device)}`;
    expect(await second.ask(question)).to.match(new RegExp(`^6 \\S+ ${errnoOf('ENOMEM')}$`));
    await first.end('SIGKILL');
    expect(await second.ask(question)).to.match(new RegExp(`^10 \\S+ ${errnoOf('ENOMEM')}$`));
    expect(device.nic.show().live.deks).to.equal(16);
  });

  it('processes that race for the last places take exactly as many as there are', async () => {
    device.nic.set({logMaxDeks: 8});
    const racers = await Promise.all([1, 2, 3, 4].map(() => holder(1)));
    const question = `many 1000 session 256 0 ${wrapped(device)}`;
    const answers = await Promise.all(racers.map((racer) => racer.ask(question)));
    const made = answers.map((answer) => Number(answer.split(' ')[0]));
    expect(made.reduce((sum, n) => sum + n, racers.length)).to.equal(256);
    expect(device.nic.show().live.deks).to.equal(256);
  });

  it('closing the descriptor frees all, when no UAR is mapped any more', async () => {
    const client = await holder(5);
    expect(await client.ask('close_fd')).to.equal('ok');
    // As in the kernel a mapping keeps the file open; but overlayfs does not keep the lock of one.
    const {contexts, deks, processes} = device.nic.show().live;
    if (contexts > 0) expect({deks, processes}).to.deep.equal({deks: 5, processes: [client.pid]});
    expect(await client.ask('unmap_uars')).to.equal('ok 2'); // with the page of the clock
    expect(device.nic.show().live).to.deep.equal(NOTHING);
  });

  it('closing the context frees all', async () => {
    const client = await holder(5);
    expect(await client.ask('close')).to.equal('ok');
    expect(device.nic.show().live).to.deep.equal(NOTHING);
    expect(await client.askAll(['open', 'pd', login(device)])).to.deep.equal(['ok', 'ok', 'ok']);
  });

  it('a fork that closes all it inherited changes nothing', async () => {
    const client = await holder(2);
    expect(await client.askAll(['fork', 'query 0', 'state'])).to.deep.equal(['0', 'READY vol', 'VALID']);
    expect(device.nic.show().live).to.include({contexts: 1, pds: 1, logins: 1, deks: 2});
  });

  it('a fork can open the device itself', async () => {
    const client = await holder(2);
    expect(await client.askAll(['fork_open', 'query 1'])).to.deep.equal(['0', 'READY vol']);
    expect(device.nic.show().live).to.include({contexts: 1, pds: 1, logins: 1, deks: 2});
    expect(device.nic.show().total.contexts).to.equal(2);
  });

  it('a program that closes all other descriptors keeps its context', async () => {
    const client = await holder(2);
    expect(await client.askAll(['close_fds', 'query 1', 'destroy 0'])).to.deep.equal(['ok', 'READY vol', 'ok']);
    expect(device.nic.show().live.deks).to.equal(1);
    expect(await client.ask(`create session 256 0 ${wrapped(device)}`)).to.equal('2');
  });

  it('exec frees all, and the same process can start anew', async () => {
    const client = await holder(2);
    client.process.stdin!.write('exec /bin/sleep 30\n');
    const comm = `/proc/${client.pid}/comm`;
    for (let i = 0; i < 500 && fs.readFileSync(comm, 'utf8') !== 'sleep\n'; i++) await sleep(10);
    expect(fs.readFileSync(comm, 'utf8')).to.equal('sleep\n');
    expect(device.nic.show().live).to.deep.equal(NOTHING);
    expect(await start().ask('open')).to.equal('ok');
    expect(device.nic.show().live.contexts).to.equal(1);
  });

  it('can be killed at any instant, and others go on', async () => {
    const steady = await holder(1);
    for (let i = 0; i < 20; i++) {
      const victim = await holder(1);
      victim.process.stdin!.write(`many 200000 session 256 0 ${wrapped(device)}\n`);
      await sleep(Math.random() * 20);
      await victim.end('SIGKILL');
      const made = `${i + 1}`;
      const question = `create session 256 0 ${wrapped(device)}`;
      expect(await steady.askAll([question, `destroy ${made}`])).to.deep.equal([made, 'ok']);
      expect(device.nic.show().live).to.include({contexts: 1, deks: 1});
    }
  });

  it('threads of one process share a context', async () => {
    const client = await holder(1);
    expect(await client.ask(`threads 16 500 session 256 0 ${wrapped(device)} t`)).to.match(/^0 /);
    expect(device.nic.show().live.deks).to.equal(1);
  });

  it('holds 100,000 DEKs, each as cheap as the first', async () => {
    const client = await holder(1000);
    const seconds = (answer: string): number => Number(answer.split(' ')[1]);
    const question = `session 256 1 ${wrapped(device, 256, true)}`;
    const early = seconds(await client.ask(`many 5000 ${question}`));
    expect(await client.ask(`many 94000 ${question}`)).to.match(/^94000 \S+$/);
    const late = seconds(await client.ask(`many 5000 ${question}`));
    expect(device.nic.show().live.deks).to.equal(105_000);
    expect(late).to.be.below(early * 5);
    expect(await client.ask('destroy_all')).to.match(/^\d/);
    expect(device.nic.show().live.deks).to.equal(0);
  });

  it('leaves no KEK, credential or DEK in the memory of the process', async () => {
    const keys = testKeys(256, true);
    const client = await holder(20);
    expect(await client.ask(`create session 256 1 ${wrapped(device, 256, true)}`)).to.equal('20');
    expect(await client.ask('query 20')).to.match(/^READY/);
    process.kill(client.pid, 'SIGSTOP');
    const needles = [
      ...needlesOf('KEK', device.kek),
      ...needlesOf('credential', device.credential),
      ...needlesOf('key1', keys.key1),
      ...needlesOf('key2', keys.key2),
      ...needlesOf('keytag', keys.keytag!),
    ];
    const image = `${device.directory}/mlx5_0.nvram`;
    const hits = searchMemory(client.pid, needles, {skip: ({path}) => path === image});
    expect(describeHits(hits)).to.equal('');
    // The search would find them: the image is in the same process.
    expect(searchMemory(client.pid, needles, {skip: ({path}) => path !== image})).to.not.be.empty;
  });
});
