import fs from 'node:fs';
import {setTimeout as pause} from 'node:timers/promises';
import {expect} from 'chai';
import {AgentClient} from '../../../src/agent/client.js';
import type {DekError} from '../../../src/errors.js';
import {logged, untilHealed, untilLogged} from '../../support/agent/agent-log.js';
import {apply, held, setOf, vols} from '../../support/agent/agent-manifests.js';
import {AgentProcess} from '../../support/agent/agent-process.js';
import {HOST, type Signed, SignedManifests, sign} from '../../support/manifest/signed-manifests.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';
import {HangingMount} from '../../support/process/hanging-mount.js';
import {run, runDek} from '../../support/process/run-dek.js';
import {skipWithout} from '../../support/skip.js';

/** What GET /metrics says. */
async function metricsOf({socket}: AgentProcess): Promise<string> {
  return (await run('curl', ['-s', '--unix-socket', socket, 'http://dek/metrics'], {})).stdout.toString();
}

describe('an agent that asks for signatures', () => {
  let device: TestDevice;
  let manifests: SignedManifests;
  let agent: AgentProcess | undefined;

  beforeEach(async () => {
    device = await testDevice();
    manifests = new SignedManifests(device);
  });
  afterEach(async () => {
    await agent?.end();
    agent = undefined;
    device.remove();
  });

  async function start(...args: string[]): Promise<AgentProcess> {
    agent = await AgentProcess.start(device, {args: [...manifests.args, ...args], fastClock: true});
    return agent;
  }

  /** What an apply says: the code of the error, and its message. */
  async function refusal(path: string): Promise<string> {
    try {
      await apply(agent!, path);
    } catch (error) {
      const {code, message} = error as DekError;
      return `${code}: ${message}`;
    }
    return 'applied';
  }

  const gen = (generation: number, more: Signed = {}): Signed => ({
    ...more,
    edition: {generation, ...more.edition},
  });

  it('applies what is signed, and tells by whom', async () => {
    const running = await start('--manifest', manifests.write(vols(1, 3)));
    const {manifest, signedOnly} = await running.client.status();
    expect(signedOnly).to.equal(true);
    expect(manifest).to.deep.include({generation: 1, notAfter: null});
    expect(manifest!.signers.map(({principal}) => principal)).to.deep.equal(['alice']);
    const {stdout} = await runDek(['status', '--socket', running.socket]);
    expect(stdout.toString()).to.match(/signed by: +alice: generation 1/);
    await apply(running, manifests.write(vols(1, 4), gen(2, {by: [manifests.bob]})));
    expect(await held(running)).to.deep.equal(setOf(vols(1, 4)));
  });

  it('refuses each wrong manifest in one line, by an event and a count of its own, and changes nothing', async () => {
    const deks = vols(1, 3);
    const current = gen(5);
    const running = await start('--manifest', manifests.write(deks, current));
    const wrong = vols(1, 3, 2);
    const names = {file: 'unsigned'};
    const unsigned = manifests.write(wrong, gen(6, {...names, by: []}));
    const swapped = manifests.write(wrong, gen(6, {file: 'swapped'}));
    const [head, first, second, third] = fs.readFileSync(swapped, 'latin1').split('\n');
    const wrapped = (line: string): string => JSON.parse(line).wrapped as string;
    const [line1, line2] = [
      first!.replace(wrapped(first!), wrapped(second!)),
      second!.replace(wrapped(second!), wrapped(first!)),
    ];
    fs.writeFileSync(swapped, [head, line1, line2, third, ''].join('\n'));
    const strange = manifests.write(wrong, gen(6, {file: 'strange', by: [manifests.stranger]}));
    const other = manifests.write(wrong, gen(6, {file: 'other', edition: {hosts: ['node-2']}}));
    const older = manifests.write(wrong, gen(4, {file: 'older'}));
    const same = manifests.write(wrong, gen(5, {file: 'same'}));
    const over = manifests.write(wrong, gen(6, {file: 'over', edition: {notAfter: '2026-01-01T00:00:00Z'}}));
    const early = {issued: '2099-01-01T00:00:00Z', notAfter: '2099-02-01T00:00:00Z'};
    const clock = manifests.write(wrong, gen(6, {file: 'clock', edition: early}));
    const cut = manifests.write(wrong, gen(6, {file: 'cut'}));
    fs.truncateSync(cut, fs.statSync(cut).size - 10);
    const cases: readonly (readonly [string, RegExp])[] = [
      [unsigned, /^UNSIGNED: the manifest is not signed$/],
      [
        swapped,
        /^BAD_SIGNATURE: the signature of alice \(SHA256:.*\) is of something else than the manifest as it is$/,
      ],
      [strange, /^UNSIGNED: the manifest is signed by no allowed signer \(SHA256:.* is no allowed signer\)$/],
      [other, /^WRONG_HOST: the manifest is for node-2, and this host is node-1$/],
      [older, /^ROLLED_BACK: the manifest is of generation 4, and this host has accepted generation 5$/],
      [same, /^ROLLED_BACK: this host has accepted generation 5 of another content than this one/],
      [over, /^EXPIRED: generation 6 was to be taken up until 2026-01-01T00:00:00Z, and that is over$/],
      [
        clock,
        /^CLOCK_NOT_SET: the clock says .*, before generation 6 was written \(2099-01-01T00:00:00Z\): it is not set$/,
      ],
      [cut, /^BAD_INPUT: line 4: ends without a line feed$/],
    ];
    // At once: those that do not fit their signatures are waited for.
    const said = await Promise.all(cases.map(([path]) => refusal(path)));
    for (const [i, [, expected]] of cases.entries()) expect(said[i]).to.match(expected);
    expect(await held(running)).to.deep.equal(setOf(deks));
    expect((await running.client.status()).manifest).to.include({generation: 5});
    const told = logged(running, 'manifest-refused').map(({path, reason}) => `${path} ${reason}`);
    expect(new Set(told)).to.deep.equal(
      new Set(cases.slice(0, -1).map(([path], i) => `${path} ${said[i]!.split(':')[0]}`)),
    );
    const metrics = await metricsOf(running);
    expect(metrics).to.contain('dek_manifest_refusals_total{reason="UNSIGNED"} 2');
    expect(metrics).to.contain('dek_manifest_refusals_total{reason="WRONG_HOST"} 1');
  });

  it('refuses create, and a start from what is not signed, whoever asks', async () => {
    const running = await start('--manifest', manifests.write(vols(1, 1)), '--threshold', '1');
    const error = await running.create('more').catch((cause: DekError) => cause);
    expect(error).to.include({code: 'PERMISSION', message: 'this agent makes DEKs of signed manifests only'});
    await running.end();
    const path = manifests.write(vols(1, 1), gen(1, {by: [manifests.alice]}));
    const failed = await start('--manifest', path, '--threshold', '2').catch((cause: Error) => cause);
    expect(`${failed}`).to.contain('the manifest is signed by alice, and 2 distinct signers');
    sign(path, 'dek-manifest', [manifests.alice, manifests.bob]);
    await start('--manifest', path, '--threshold', '2');
  });

  it('waits for the other of two files, which are not replaced at once', async () => {
    const running = await start('--manifest', manifests.write(vols(1, 2)));
    const signature = fs.readFileSync(`${device.directory}/manifest.sig`);
    const next = manifests.write(vols(1, 3), gen(2));
    const fitting = fs.readFileSync(`${next}.sig`);
    fs.writeFileSync(`${next}.sig`, signature);
    const applied = refusal(next);
    await pause(200);
    fs.writeFileSync(`${next}.sig.new`, fitting);
    fs.renameSync(`${next}.sig.new`, `${next}.sig`);
    expect(await applied).to.equal('applied');
    expect(logged(running, 'manifest-refused')).to.deep.equal([]);
    // The signature first, and the manifest not at all at first.
    const last = manifests.write(vols(1, 4), gen(3, {file: 'last'}));
    fs.renameSync(last, `${last}.late`);
    fs.copyFileSync(next, last);
    const late = refusal(last);
    await pause(200);
    fs.renameSync(`${last}.late`, last);
    expect(await late).to.equal('applied');
    expect(await held(running)).to.deep.equal(setOf(vols(1, 4)));
  });

  it('gives up a manifest on a mount that does not answer', async function () {
    const running = await start('--manifest', manifests.write(vols(1, 3)));
    const directory = `${device.directory}/volume`;
    fs.mkdirSync(directory);
    const mount = HangingMount.over(directory);
    skipWithout('mounts', this, mount !== undefined);
    try {
      expect(await refusal(`${directory}/manifest`)).to.contain('gave nothing for 10 s');
      expect(await held(running)).to.deep.equal(setOf(vols(1, 3)));
    } finally {
      mount!.end();
    }
  });

  it('holds a reload and SIGHUP to it, and reads the signers anew', async () => {
    const running = await start('--manifest', manifests.write(vols(1, 2)));
    manifests.write(vols(1, 3), gen(2));
    running.child.kill('SIGHUP');
    await untilLogged(running, 'apply', ({create}) => create === 1);
    manifests.write(vols(1, 4), gen(3, {by: [manifests.stranger]}));
    running.child.kill('SIGHUP');
    await untilLogged(running, 'reload-failed');
    expect(await held(running)).to.deep.equal(setOf(vols(1, 3)));
    fs.appendFileSync(manifests.allowed, `carol ${manifests.stranger.text}\n`);
    await running.client.apply({path: undefined, kek: undefined, dryRun: false, keepGoing: false});
    expect(await held(running)).to.deep.equal(setOf(vols(1, 4)));
    fs.chmodSync(manifests.allowed, 0o666);
    expect(await refusal(`${device.directory}/manifest`)).to.match(/^BAD_INPUT: .*can be written by others/);
  });

  it('heals from what is signed only', async () => {
    const path = manifests.write(vols(1, 2));
    const running = await start('--manifest', path, '--check-interval', '1');
    const good = fs.readFileSync(path);
    fs.writeFileSync(path, good.toString('latin1').replaceAll('vol-1', 'vol-9'));
    device.nic.set({dekErrors: [{which: 'all'}]});
    await untilLogged(running, 'heal-failed', ({error}) =>
      `${error}`.includes('is of something else than the manifest'),
    );
    device.nic.set({dekErrors: []});
    fs.writeFileSync(path, good);
    await untilHealed(running, 2);
    expect(await held(running)).to.deep.equal(setOf(vols(1, 2)));
  });

  it('takes by a release what it lists, and goes back to the way back that it names', async () => {
    const {id} = manifests.first;
    const main = manifests.write(vols(1, 3), gen(3, {by: [], file: 'main'}));
    const older = manifests.write(vols(1, 2), gen(2, {by: [], file: 'older'}));
    const stranger = manifests.write(vols(1, 1), gen(4, {file: 'stranger'}));
    const release = manifests.release(
      'release',
      {path: main, id, generation: 3, hosts: [], fallback: false},
      {path: older, id, generation: 2, hosts: [], fallback: true},
    );
    const running = await start('--manifest', main, '--release', release);
    expect(await refusal(stranger)).to.match(/^NOT_RELEASED/);
    expect(await refusal(older)).to.equal('applied');
    expect(await held(running)).to.deep.equal(setOf(vols(1, 2)));
    expect(await refusal(main)).to.equal('applied');
    // The release of before is no way to go on from the next.
    const next = manifests.write(vols(1, 4), gen(4, {by: [], file: 'next'}));
    const before = [fs.readFileSync(release), fs.readFileSync(`${release}.sig`)] as const;
    manifests.release('release', {path: next, id, generation: 4, hosts: [], fallback: false});
    expect(await refusal(next)).to.equal('applied');
    fs.writeFileSync(release, before[0]);
    fs.writeFileSync(`${release}.sig`, before[1]);
    expect(await refusal(older)).to.match(/^ROLLED_BACK/);
    expect(await held(running)).to.deep.equal(setOf(vols(1, 4)));
  });

  it('starts after the end from what it has accepted before, and only from that', async () => {
    const state = {STATE_DIRECTORY: `${device.directory}/state`};
    fs.mkdirSync(state.STATE_DIRECTORY);
    let soon = Date.now();
    let path = '';
    const begin = (env: NodeJS.ProcessEnv): Promise<AgentProcess> =>
      AgentProcess.start(device, {args: [...manifests.args, '--manifest', path], env});
    // On a busy machine the start may come too late.
    for (let seconds = 3; !agent; seconds *= 3) {
      soon = Date.now() + 1000 * seconds;
      path = manifests.write(vols(1, 2), {edition: {notAfter: new Date(soon).toISOString()}});
      agent = await begin(state).catch((error: Error) => {
        if (!error.message.includes('that is over')) throw error;
        return undefined;
      });
    }
    expect(await metricsOf(agent)).to.match(/^dek_manifest_seconds_left [0-9.]+$/m);
    await agent.end();
    await pause(Math.max(0, soon - Date.now() + 10));
    const failed = await begin({STATE_DIRECTORY: ''}).catch((error: Error) => error);
    expect(`${failed}`).to.contain('that is over');
    agent = await begin(state);
    expect(await held(agent)).to.deep.equal(setOf(vols(1, 2)));
    expect(await metricsOf(agent)).to.match(/^dek_manifest_seconds_left -/m);
    // Also when it is read again, and the older generation is refused after a start, too.
    expect(await refusal(path)).to.equal('applied');
    const older = manifests.write(vols(1, 1), gen(2, {file: 'second'}));
    expect(await refusal(older)).to.equal('applied');
    await agent.end();
    const again = await begin(state).catch((error: Error) => error);
    expect(`${again}`).to.contain('this host has accepted generation 2');
    agent = undefined;
  });
});

describe('an agent that asks for no signatures', () => {
  it('refuses what is for another host, or over, and takes the rest as ever', async () => {
    const device = await testDevice();
    const manifests = new SignedManifests(device);
    const agent = await AgentProcess.start(device, {args: ['--host', HOST]});
    const refused = (path: string): Promise<unknown> => apply(agent, path).catch(({code}: DekError) => code);
    const by = {by: []};
    try {
      const other = manifests.write(vols(1, 1), {...by, edition: {hosts: ['node-2']}, file: 'other'});
      expect(await refused(other)).to.equal('WRONG_HOST');
      const over = manifests.write(vols(1, 1), {...by, edition: {notAfter: '2026-01-01T00:00:00Z'}, file: 'over'});
      expect(await refused(over)).to.equal('EXPIRED');
      await apply(agent, manifests.write(vols(1, 2), {...by, edition: {generation: 2, hosts: [HOST]}}));
      await apply(agent, manifests.write(vols(1, 1), by)); // an older one, whose number nobody has signed
      expect(await held(agent)).to.deep.equal(setOf(vols(1, 1)));
      expect(await new AgentClient(agent.socket).status()).to.include({signedOnly: false});
    } finally {
      await agent.end();
      device.remove();
    }
  });
});
