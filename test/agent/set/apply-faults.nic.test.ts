/**
 * What the NIC may do to an apply: be busy, refuse, go away. The set is the old one or the new one after it, never a
 * mix.
 */
import {expect} from 'chai';
import {COMMANDS, type InjectedFault, OBJECTS, STATUSES} from '../../../src/virtual/faults.js';
import {apply, held, setOf, type Vol, vols, writeManifestFile} from '../../support/agent/agent-manifests.js';
import {AgentProcess, live, NOTHING} from '../../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';
import {thrownBy} from '../../support/process/errors-thrown.js';
import {until} from '../../support/until.js';

const OTHER_CREDENTIAL = {id: 77, secret: new Uint8Array(40).map((_, i) => i + 1)};
const OLD = vols(1, 6);
const NEW = [...vols(1, 2), ...vols(3, 9, 2)];

describe('apply under faults', () => {
  let device: TestDevice;
  let agent: AgentProcess;

  beforeEach(async () => {
    device = await testDevice({settings: {credentials: [OTHER_CREDENTIAL]}});
    agent = await AgentProcess.start(device, {args: ['--check-interval', '1'], fastClock: true});
    await apply(agent, oldManifest());
  });
  afterEach(async () => {
    device.nic.set({faults: [], gone: false, latencyUs: 0});
    const status = await agent.end();
    const left = live(device);
    device.remove();
    expect(status, agent.log).to.equal(0);
    expect(left).to.deep.equal(NOTHING);
  });

  const oldManifest = (): string => writeManifestFile(device, OLD, {file: 'old'});
  /** With another login, so that there is a logout and a login too. */
  const newManifest = (): string =>
    writeManifestFile(device, NEW, {
      file: 'new',
      credentialId: OTHER_CREDENTIAL.id,
      credential: OTHER_CREDENTIAL.secret,
    });

  /** Whether all is as one of the manifests says, on the NIC too. */
  async function isWhole(isNew: boolean): Promise<boolean> {
    const deks = isNew ? NEW : OLD;
    const {devices, manifest} = await agent.client.status();
    return (
      JSON.stringify(Object.entries(await held(agent)).sort()) === JSON.stringify(Object.entries(setOf(deks)).sort()) &&
      devices[0]!.login?.state === 'VALID' &&
      devices[0]!.login.credentialId === (isNew ? OTHER_CREDENTIAL.id : device.credentialId) &&
      manifest?.path.endsWith(isNew ? 'new' : 'old') === true &&
      live(device).deks === deks.length
    );
  }

  const keysHeld = async (): Promise<string[]> =>
    Object.entries(await held(agent))
      .map(([name, state]) => `${name} ${state.split(' ')[1]}`)
      .sort();

  /** Waits until all is as one of the manifests says. */
  async function wholeAgain(isNew: boolean): Promise<void> {
    for (let i = 0; i < 100; i++) {
      if (await isWhole(isNew)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect({held: await held(agent), live: live(device), ...(await agent.client.status())}).to.deep.equal(isNew);
  }

  describe('leaves the old or the new set when each fails:', () => {
    for (const command of Object.keys(COMMANDS) as (keyof typeof COMMANDS)[]) {
      for (const object of [undefined, ...Object.keys(OBJECTS)] as (keyof typeof OBJECTS | undefined)[]) {
        // QUERY_HCA_CAP is about no object.
        if (command === 'caps' && object !== undefined) continue;
        for (const times of [1, 'always'] as const) {
          it(`${command} ${object ?? 'anything'}, ${times === 1 ? 'once' : times}`, async () => {
            for (const [name, status] of Object.entries(STATUSES)) {
              const fault: InjectedFault = {command, status, times, ...(object && {object})};
              device.nic.set({faults: [fault]});
              const error = await apply(agent, newManifest()).then(
                () => undefined,
                (thrown: Error) => thrown,
              );
              device.nic.set({faults: []});
              expect(await keysHeld(), name).to.deep.equal(keysOfSet(error === undefined ? NEW : OLD));
              await apply(agent, oldManifest());
              expect(await keysHeld(), name).to.deep.equal(keysOfSet(OLD));
            }
            // What the NIC would not let go of is destroyed by the health check.
            await wholeAgain(false);
          });
        }
      }
    }
  });

  for (const [name, status] of [
    ['EBUSY', STATUSES.res_busy],
    ['EAGAIN', STATUSES.no_res],
  ] as const) {
    for (const [command, object] of [
      ['create', 'dek'],
      ['query', 'dek'],
      ['destroy', 'dek'],
      ['create', 'login'],
      ['destroy', 'login'],
    ] as const) {
      it(`tries again after ${name} of ${command} ${object}`, async () => {
        device.nic.set({faults: [{command, object, status, times: 3}]});
        await apply(agent, newManifest());
        expect(device.nic.show().faults[0]).to.include({hits: 3, left: 0});
        expect(await isWhole(true)).to.equal(true);
      });
    }
  }

  it('ends when the NIC stays busy, with errno and meaning', async () => {
    device.nic.set({faults: [{command: 'create', object: 'dek', status: STATUSES.no_res, times: 'always'}]});
    const error = await thrownBy(() => apply(agent, newManifest()));
    expect(error).to.include({code: 'BUSY', errno: 'EAGAIN'});
    expect(error.message).to.match(/^line 4: vol-3: .*the NIC is busy \(EAGAIN\)/);
  });

  it('puts the login of before back when the new one is refused', async () => {
    device.nic.set({revokeCredentials: [OTHER_CREDENTIAL.id]});
    const error = await thrownBy(() => apply(agent, newManifest()));
    expect(error).to.include({code: 'REFUSED', errno: 'EINVAL'});
    expect(await isWhole(false)).to.equal(true);
  });

  it('puts the login of before back when a DEK is refused', async () => {
    const path = writeManifestFile(device, [...NEW, {name: 'bad', altered: true}], {
      credentialId: OTHER_CREDENTIAL.id,
      credential: OTHER_CREDENTIAL.secret,
    });
    await thrownBy(() => apply(agent, path));
    expect(await isWhole(false)).to.equal(true);
  });

  it('makes the old set again when the NIC goes away in the middle of it', async () => {
    device.nic.set({latencyUs: 200_000});
    const path = writeManifestFile(device, vols(1, 300, 2));
    const failed = thrownBy(() => apply(agent, path));
    await until(() => live(device).deks > OLD.length + 20);
    device.nic.set({gone: true, latencyUs: 0});
    expect(['DEVICE_GONE', 'CLOSED']).to.include((await failed).code);
    device.nic.set({gone: false});
    await wholeAgain(false);
  });

  it('opens a NIC that was gone and is back', async () => {
    device.nic.set({gone: true});
    expect((await thrownBy(() => agent.client.queryDek('vol-1'))).code).to.equal('DEVICE_GONE');
    device.nic.set({gone: false});
    await apply(agent, newManifest());
    await wholeAgain(true);
  });

  it('heals the old set when a NIC that was gone is back and refuses the new one', async () => {
    device.nic.set({gone: true});
    await thrownBy(() => agent.client.queryDek('vol-1'));
    device.nic.set({gone: false});
    const path = writeManifestFile(device, [{name: 'bad', altered: true}]);
    await thrownBy(() => apply(agent, path));
    await wholeAgain(false);
  });
});

/** What tells one set from another, whatever the state of its DEKs. */
const keysOfSet = (deks: readonly Vol[]): string[] => deks.map(({name, version = 1}) => `${name} ${version}`);
