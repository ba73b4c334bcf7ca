/**
 * What an open device says of its NIC now, compared with what the real libmlx5 says when it is opened at that moment.
 */
import {expect} from 'chai';
import {Child} from '../../support/child.js';
import type {Kit} from '../../support/child-main.js';
import {type Nic, type NicSecrets, newNic} from '../../support/nic/nic.js';
import {needing} from '../../support/nic/release.js';

describe('caps, read anew', () => {
  let nic: Nic;
  let child: Child;
  beforeEach(async () => {
    nic = await newNic({state: 'commissioning'});
    child = new Child(nic.env);
    await child.run(async ({kept, openDevice}) => {
      kept.device = await openDevice();
    });
  });
  afterEach(async () => {
    await child?.stop();
    nic?.remove();
  });

  it('are those of a device that is opened now', async () => {
    for (const change of [
      {},
      {state: 'operational'},
      {state: 'going-to-commissioning', failedSelftests: 0x8001},
      {logMaxDeks: 3, failedSelftests: 0},
      {importMode: 'plaintext', logMaxDeks: 20},
      {faults: [{command: 'caps', status: 1, times: 'always'}]},
    ] as const) {
      nic.set(change);
      const [now, opened, before] = await child.run(async ({kept, openDevice}) => {
        const other = await openDevice();
        const all = [kept.device!.readCaps(), other.caps, kept.device!.caps];
        other.close();
        return all;
      });
      // A command that fails at the open leaves the engines unknown as well; of an open device they are known.
      expect(now).to.deep.equal('faults' in change ? {...opened, engines: before!.engines} : opened);
      expect(before).to.include({importMode: 'wrapped', operational: false});
    }
  });

  it('are one firmware command; a NIC that is gone does not tell', async () => {
    await child.run(({kept}) => kept.device!.readCaps());
    nic.set({gone: true});
    await child.run(({kept, refusal}) => refusal('DEVICE_GONE', () => kept.device!.readCaps()));
    await child.run(({kept, refusal}) => {
      kept.device!.close();
      return refusal('CLOSED', () => kept.device!.readCaps());
    });
  });

  it('tell why libmlx5 refuses a login: not yet operational, or not when it was opened', async () => {
    const login = ({kept, bytes, refusal}: Kit, {credential, ...ids}: NicSecrets) =>
      refusal('UNSUPPORTED', () => kept.device!.login({credential: bytes(credential), ...ids})).then(
        ({message, hint}) => ({message, hint}),
      );
    expect((await child.run(login, nic.secrets)).message).to.contain('the NIC is not operational (commissioning)');
    nic.set({state: 'operational'});
    const {message, hint} = await child.run(login, nic.secrets);
    expect(message).to.contain('the NIC has changed since it was opened');
    expect(hint).to.contain('open it again');
    nic.set({importMode: 'plaintext'});
    expect((await child.run(login, nic.secrets)).message).to.contain('the NIC takes plaintext DEKs and no login');
  });

  needing('the reasons of the firmware').it('name the most DEKs that a full NIC holds now', async () => {
    nic.set({state: 'operational'});
    await child.run(async ({kept, openDevice, bytes}, {credential, ...ids}) => {
      kept.device!.close();
      kept.device = await openDevice();
      kept.device.login({credential: bytes(credential), ...ids});
    }, nic.secrets);
    nic.set({logMaxDeks: 3});
    const message = await child.run(
      async ({kept, bytes, refusal}, key) => {
        const options = {wrapped: bytes(key), keySize: 256, keytag: true} as const;
        for (let i = 0; i < 8; i++) kept.device!.createDek(options);
        return (await refusal('LIMIT', () => kept.device!.createDek(options))).message;
      },
      nic.wrappedKey({keySize: 256, keytag: true}),
    );
    expect(message).to.contain('it holds at most 8 (ENOMEM;');
  });
});
