/**
 * The whole life of a card, from outside and with commands alone: commissioning, operational, KEKs, credentials,
 * logins, DEKs, a new KEK, the old one deleted. What the commands printed is searched for every secret in the end.
 */
import {type ChildProcess, spawn} from 'node:child_process';
import {join} from 'node:path';
import {expect} from 'chai';
import type {AgentStatus} from '../../src/agent/protocol.js';
import {Card} from '../support/nic/officer.js';
import {DEK} from '../support/process/run-dek.js';
import {until} from '../support/until.js';

describe('the life of a card', () => {
  let card: Card;
  let agent: ChildProcess | undefined;

  before(async () => {
    card = await Card.make({commissioning: true, devices: 2});
  });
  after(async () => {
    agent?.kill('SIGKILL');
    card.remove();
  });

  const wrap = async (secret: string, kek: string, name: string): Promise<string> => {
    const path = join(card.directory, name);
    await card.json('credential', 'wrap', secret, '--kek', kek, '--output', path);
    return path;
  };
  const login = (file: string, credentialId: number, kekId: number): string[] => [
    ...['--credential', file, '--credential-id', `${credentialId}`, '--import-kek-id', `${kekId}`],
  ];

  it('goes from commissioning to a rotated KEK', async () => {
    const first = card.secret('kek-1', 32);
    const officer = card.secret('officer', 40);
    const host = card.secret('host', 40);
    const second = card.secret('kek-2', 32);
    // commissioning -> operational
    await card.json('officer', 'operational', '--kek', first.source, '--credential', officer.source, '--yes');
    const officerWrapped = await wrap(officer.source, first.source, 'officer.wrapped');
    const as = [...login(officerWrapped, 0, 0), '--all-ports'];
    // a credential for hosts
    const {added} = await card.json<{added: {device: string; id: number}[]}>(
      ...['officer', 'credential', 'add', host.source, '--role', 'user', '--kek', first.source, ...as],
    );
    expect(added).to.deep.equal([
      {device: 'mlx5_0', id: 1},
      {device: 'mlx5_1', id: 1},
    ]);
    // a host that logs in with it and has DEKs made
    const manifest = join(card.directory, 'fleet.manifest');
    const hostWrapped = await wrap(host.source, first.source, 'host.wrapped');
    const deks = ['keygen', '--count', '100', '--name', 'vol-%d', '--size', '256', '--kek', first.source];
    await card.json(...deks, ...login(hostWrapped, 1, 0), '--device', 'mlx5_0,mlx5_1', '--output', manifest);
    const env = {...card.device.nic.environment(), DEK_AGENT_SOCKET: join(card.directory, 'agent.sock')};
    agent = spawn(process.execPath, [DEK, 'agent', '--device', 'mlx5_0,mlx5_1', '--manifest', manifest], {
      env,
      stdio: 'ignore',
    });
    const status = async (): Promise<AgentStatus | undefined> => {
      const {out} = await card.dek('status', '--json');
      return out.startsWith('{"error') || !out.includes('"deks"') ? undefined : (JSON.parse(out) as AgentStatus);
    };
    await until(async () => (await status())?.deks.ready === 100);
    const made = (): number => card.device.nic.show('mlx5_0').total.deks + card.device.nic.show('mlx5_1').total.deks;
    const before = made();
    // the second KEK, and the host's credential under it
    const kek = await card.json<{added: {id: number}[]}>(
      ...['officer', 'kek', 'add', second.source, '--kek', first.source, ...as],
    );
    expect(kek.added.map(({id}) => id)).to.deep.equal([1, 1]);
    const {kcv} = await card.json<{kcv: string}>('kek', 'show', first.source);
    expect((await card.dek('kek', 'usage', kcv)).status).to.equal(5);
    await card.json('rewrap', manifest, '--from', first.source, '--to', second.source, '--import-kek-id', '1');
    await card.json('apply', manifest);
    expect(made()).to.equal(before);
    expect((await status())?.devices.map(({login}) => login?.importKekId)).to.deep.equal([1, 1]);
    expect((await card.dek('kek', 'usage', kcv)).status).to.equal(0);
    // an officer's login under the second KEK deletes the first
    const officerAgain = await wrap(officer.source, second.source, 'officer-2.wrapped');
    const used = await card.dek('officer', 'kek', 'delete', '1', ...login(officerWrapped, 0, 0), '--all-ports');
    expect(used.status).to.equal(5);
    expect(used.stderr).to.contain('import KEK 0x1 is still in use: ').and.contain('mlx5_0: login of the agent');
    await card.json('officer', 'kek', 'delete', '0', ...login(officerAgain, 0, 1), '--all-ports');
    expect(card.device.nic.show('mlx5_1').importKeks.map(({id}) => id)).to.deep.equal([1]);
    expect((await status())?.deks.ready).to.equal(100);
    expect(made()).to.equal(before);
    agent.kill('SIGTERM');
    await until(() => agent?.exitCode !== null);

    const secrets = [first, officer, host, second].map(({content}) => Buffer.from(content));
    for (const secret of secrets) {
      for (const form of ['hex', 'base64'] as const) {
        expect(card.printed.toLowerCase()).to.not.contain(secret.toString(form).slice(0, 20).toLowerCase());
      }
    }
  });
});
