import {request} from 'node:http';
import {expect} from 'chai';
import {allReady, untilHealed, untilLogged} from '../../support/agent/agent-log.js';
import {type AgentProcess, agentForEach, wrappedDek} from '../../support/agent/agent-process.js';
import {writeFleet} from '../../support/manifest/fleet-file.js';
import type {TestDevice} from '../../support/nic/device.js';
import {thrownBy} from '../../support/process/errors-thrown.js';
import {until} from '../../support/until.js';

describe('metrics', () => {
  let device: TestDevice;
  let agent: AgentProcess;

  agentForEach(['--check-interval', '1'], (...own) => {
    [device, agent] = own;
  });

  const scrape = async (): Promise<Map<string, number>> => samplesOf((await get(agent, '/metrics')).body);

  async function applyFleet(count: number): Promise<void> {
    const path = await writeFleet(device, {count});
    await agent.client.apply({path, kek: undefined, dryRun: false, keepGoing: false});
  }

  it('is Prometheus text, each family with its help and type, from the start', async () => {
    const {status, type, body} = await get(agent, '/metrics');
    expect(status).to.equal(200);
    expect(type).to.match(/^text\/plain; version=0\.0\.4/);
    const samples = samplesOf(body);
    const expected = {
      'dek_deks{state="READY"}': 0,
      'dek_deks{state="ERROR"}': 0,
      'dek_deks{state="UNKNOWN"}': 0,
      'dek_login_valid{device="mlx5_0"}': 0,
      dek_creates_total: 0,
      dek_heals_total: 0,
      dek_create_seconds_count: 0,
      dek_last_apply_timestamp_seconds: 0,
    };
    for (const [name, value] of Object.entries(expected)) expect(samples.get(name), name).to.equal(value);
  });

  it('counts a create and a login at once', async () => {
    await agent.login();
    await agent.create('vol-1');
    const samples = await scrape();
    expect(samples.get('dek_deks{state="READY"}')).to.equal(1);
    expect(samples.get('dek_login_valid{device="mlx5_0"}')).to.equal(1);
    expect(samples.get('dek_creates_total')).to.equal(1);
    expect(samples.get('dek_create_seconds_count')).to.equal(1);
    expect(samples.get('dek_create_seconds_bucket{le="+Inf"}')).to.equal(1);
    expect(samples.get('dek_create_seconds_sum')).to.be.greaterThan(0);
  });

  it('counts refusals by errno', async () => {
    await agent.login();
    const wrapped = wrappedDek(device).fill(1);
    for (const name of ['vol-1', 'vol-2']) {
      await thrownBy(() => agent.client.createDek({name, wrapped, opaque: new Uint8Array()}));
    }
    device.nic.set({faults: [{command: 'create', object: 'dek', status: 0x08}]});
    await thrownBy(() => agent.create('vol-3'));
    const samples = await scrape();
    expect(samples.get('dek_refusals_total{errno="EINVAL"}')).to.equal(2);
    expect(samples.get('dek_refusals_total{errno="ENOMEM"}')).to.equal(1);
    expect(samples.get('dek_creates_total')).to.equal(0);
  });

  it('tells when a manifest was applied, and what it made', async () => {
    const before = Date.now() / 1000;
    await applyFleet(300);
    const samples = await scrape();
    expect(samples.get('dek_last_apply_timestamp_seconds')).to.be.within(before, Date.now() / 1000);
    expect(samples.get('dek_creates_total')).to.equal(300);
    expect(samples.get('dek_deks{state="READY"}')).to.equal(300);
  });

  it('leaves the time of the last apply as it is when one fails or only plans', async () => {
    await applyFleet(2);
    const at = (await scrape()).get('dek_last_apply_timestamp_seconds');
    await thrownBy(() => agent.client.apply({path: '/missing', kek: undefined, dryRun: false, keepGoing: false}));
    await agent.client.apply({path: undefined, kek: undefined, dryRun: true, keepGoing: false});
    expect((await scrape()).get('dek_last_apply_timestamp_seconds')).to.equal(at);
  });

  it('counts heals of DEKs and of the login, as the status does', async () => {
    await applyFleet(4);
    device.nic.set({dekErrors: [{which: 'all'}], revokeKeks: [device.kekId]});
    await untilLogged(agent, 'login-failed');
    expect((await scrape()).get('dek_login_valid{device="mlx5_0"}')).to.equal(0);
    device.nic.set({keks: [{id: device.kekId, secret: device.kek}]});
    await untilHealed(agent, 4);
    await allReady(agent);
    const samples = await scrape();
    expect(samples.get('dek_heals_total')).to.equal(5);
    expect((await agent.client.status()).heals).to.equal(5);
    expect(samples.get('dek_creates_total')).to.equal(8);
    expect(samples.get('dek_login_valid{device="mlx5_0"}')).to.equal(1);
  });

  it('tells of DEKs that could not be made again', async () => {
    await agent.login();
    for (const name of ['vol-1', 'vol-2', 'vol-3']) await agent.create(name, Number(name.at(-1)));
    device.nic.set({faults: [{command: 'create', times: 'always'}], dekErrors: [{which: 'all'}]});
    await until(async () => (await scrape()).get('dek_deks{state="UNKNOWN"}') === 3, 'they are gone from the NIC');
  });

  it('answers HEAD as it answers GET, but for events without end', async () => {
    for (const [path, status] of [
      ['/healthz', 503],
      ['/metrics', 200],
      ['/v1/status', 200],
      ['/v1/events', 404],
    ] as const) {
      expect(await get(agent, path, 'HEAD'), path).to.include({status, body: ''});
    }
  });

  describe('/healthz', () => {
    const health = async (): Promise<string> => {
      const {status, body} = await get(agent, '/healthz');
      return `${status} ${body}`;
    };

    it('is 503 without a login, and 200 with one', async () => {
      expect(await health()).to.equal('503 {"healthy":false}');
      await agent.login();
      expect(await health()).to.equal('200 {"healthy":true}');
    });

    it('is 503 while a DEK is not READY, and 200 when it is healed', async () => {
      await applyFleet(3);
      expect(await health()).to.match(/^200/);
      device.nic.set({faults: [{command: 'create', object: 'dek', times: 'always'}], dekErrors: [{which: 'all'}]});
      await untilLogged(agent, 'heal-failed');
      expect(await health()).to.match(/^503/);
      device.nic.set({faults: []});
      await until(async () => (await health()).startsWith('200'), 'healthy');
    });

    it('is 503 while the NIC is gone, and 200 when it is back', async () => {
      await applyFleet(3);
      device.nic.set({gone: true});
      await untilLogged(agent, 'device-gone');
      expect(await health()).to.match(/^503/);
      device.nic.set({gone: false});
      await until(async () => (await health()).startsWith('200'), 'healthy');
    });

    it('is 503 after an apply that left DEKs out', async () => {
      const change: NonNullable<Parameters<typeof writeFleet>[1]['change']> = (dek, n) =>
        n === 1 ? {...dek, wrapped: new Uint8Array(40).fill(9)} : dek;
      const path = await writeFleet(device, {count: 3, change});
      await agent.client.apply({path, kek: undefined, dryRun: false, keepGoing: true});
      expect((await agent.client.status()).deks).to.include({total: 2, ready: 2});
      expect(await health()).to.match(/^503/);
    });
  });
});

interface Answer {
  status: number;
  type: string;
  body: string;
}

function get(agent: AgentProcess, path: string, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({socketPath: agent.socket, method, path, agent: false}, async (response) => {
      let body = '';
      for await (const piece of response.setEncoding('utf8')) body += piece;
      resolve({status: response.statusCode!, type: response.headers['content-type']!, body});
    });
    sent.once('error', reject);
    sent.end();
  });
}

const SAMPLE = /^([a-z_]+)(\{(?:[a-z]+="[^"\\\n]*",?)*\})? (\S+)$/;

/** The samples of a text by name and labels. Throws where it is not as Prometheus' text format 0.0.4 has it. */
function samplesOf(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  const types = new Map<string, string>();
  const helped = new Set<string>();
  if (!text.endsWith('\n')) throw new Error('the last line has no line feed');
  for (const line of text.split('\n')) {
    const [, kind, name, rest] = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line) ?? [];
    if (line === '') continue;
    if (kind === 'HELP') helped.add(name!);
    else if (kind === 'TYPE') types.set(name!, rest!);
    else {
      const [, sample, labels = '', value] = SAMPLE.exec(line) ?? [];
      if (sample === undefined) throw new Error(`not a sample: ${line}`);
      const family = types.has(sample) ? sample : sample.replace(/_(bucket|sum|count)$/, '');
      if (!types.has(family) || !helped.has(family)) throw new Error(`${sample} has no type or no help before it`);
      if (samples.has(sample + labels)) throw new Error(`${sample}${labels} stands twice`);
      if (Number.isNaN(Number(value))) throw new Error(`${sample}: ${value} is not a number`);
      samples.set(sample + labels, Number(value));
    }
  }
  return samples;
}
