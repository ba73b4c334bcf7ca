/** Refusals in words: each line of causes.ts, as a fault of the virtual ConnectX, and what really goes wrong on it. */
import {expect} from 'chai';
import {CAUSES} from '../../../src/rdma/refusal/causes.js';
import {STATUS_ERRNOS, STATUSES, statusText} from '../../../src/rdma/refusal/status.js';
import {Child} from '../../support/child.js';
import {type Nic, type NicSecrets, newNic} from '../../support/nic/nic.js';
import {errnoOf, needing} from '../../support/nic/release.js';

const LAYOUT = {keySize: 128, keytag: false} as const;
/** Statuses that are only for now: no second question is asked. */
const FOR_NOW = ['RES_BUSY', 'NO_RES'];

/** What an error says, as JSON. */
interface Said {
  code: string;
  message: string;
  hint: string | undefined;
  errno: string | undefined;
  firmware: {status: string; syndrome: string} | undefined;
}

describe('refusals in words', () => {
  let nic: Nic;
  let child: Child;

  before(async () => {
    nic = await newNic({logMaxDeks: 4});
    child = new Child(nic.env);
  });
  after(async () => {
    await child?.stop();
    nic?.remove();
  });
  afterEach(() => nic.set({faults: [], importMode: 'wrapped', state: 'operational', policy: 'default'}));

  /** The error of a login with these, then of a DEK of this wrapped or plaintext key, whichever comes first. */
  const refusalOf = (secrets: NicSecrets | null, key: {wrapped?: string; plaintext?: string} = {}): Promise<Said> =>
    child.run(
      async ({openDevice, bytes}, {secrets, key}) => {
        const device = await openDevice();
        try {
          if (secrets) device.login({...secrets, credential: bytes(secrets.credential)});
          const form = key.wrapped ? {wrapped: bytes(key.wrapped)} : {plaintext: bytes(key.plaintext ?? '')};
          device.createDek({...form, keySize: 128, keytag: false});
        } catch (error) {
          const {code, message, hint, errno, firmware} = error as unknown as Said;
          return {code, message, hint, errno, firmware};
        } finally {
          device.close();
        }
        throw new Error('it was not refused');
      },
      {secrets, key},
    );

  /** Logs in on a device that stays open, and is refused a DEK there. */
  const openAndBeRefused = () =>
    child.run(
      async ({kept, openDevice, bytes, refusal}, {key, credential, ...ids}) => {
        kept.device = await openDevice();
        kept.device.login({...ids, credential: bytes(credential)});
        await refusal('REFUSED', () => kept.device!.createDek({wrapped: bytes(key), keySize: 128, keytag: false}));
      },
      {...nic.secrets, key: nic.wrappedKey(LAYOUT)},
    );

  const rows = CAUSES.flatMap((cause) => cause.asked.map((asked) => ({...cause, asked})));
  for (const {asked, status, code, text, hint} of rows) {
    const test = asked === 'plaintext' ? needing('plaintext DEKs').it : it;
    test(`${status} of ${asked === 'login' ? 'a login' : `a ${asked} DEK`}: ${text}`, async () => {
      if (asked === 'plaintext') nic.set({importMode: 'plaintext'});
      const object = asked === 'login' ? 'login' : 'dek';
      nic.set({faults: [{command: 'create', object, status: STATUSES[status], syndrome: 0xabcdef, times: 'always'}]});
      const key = asked === 'plaintext' ? {plaintext: '11'.repeat(16) + '22'.repeat(16)} : {wrapped: '00'.repeat(40)};
      const said = await refusalOf(asked === 'plaintext' ? null : nic.secrets, key);
      const errno = errnoOf(STATUS_ERRNOS[status] ?? 'EIO');
      expect([said.code, said.errno]).to.deep.equal([code, errno]);
      if (FOR_NOW.includes(status)) {
        if (errno !== 'EREMOTEIO') expect(said.firmware).to.equal(undefined);
        return;
      }
      expect(said.firmware).to.deep.equal({status, syndrome: '0x00abcdef'});
      expect(said.message).to.contain(`firmware status ${statusText(STATUSES[status])}, syndrome 0x00abcdef)`);
      expect(said.message).to.contain(text);
      expect(said.hint).to.be.a('string').and.equal(hint);
    });
  }

  it('tells what really is wrong with a login', async () => {
    const {secrets} = nic;
    const flipped = secrets.credential.replace(/^../, (byte) => (byte === '00' ? '01' : '00'));
    const cases: [string, NicSecrets, RegExp][] = [
      ['0x000d0007', {...secrets, credential: flipped}, /BAD_PARAM/],
      ['0x000d0006', {...secrets, credentialId: 0xfffffe}, /under that id \(.*BAD_IX/],
      ['0x000d0005', {...secrets, importKekId: 0xfffffe}, /under that id \(.*BAD_IX/],
    ];
    for (const [syndrome, wrong, words] of cases) {
      const {firmware, message} = await refusalOf(wrong);
      expect([firmware?.syndrome, message]).to.satisfy(
        ([given, text]: string[]) => given === syndrome && words.test(text!),
      );
    }
  });

  it('says that a refusal was not repeated, and leaves nothing on the NIC', async () => {
    const once = (object: 'login' | 'dek') => [{command: 'create', object, status: 3, times: 1} as const];
    nic.set({faults: once('login')});
    const login = await refusalOf(nic.secrets);
    expect(login.hint).to.match(/^the refusal was not repeated: .* try again$/);
    nic.set({faults: once('dek')});
    const dek = await refusalOf(nic.secrets, {wrapped: nic.wrappedKey(LAYOUT)});
    expect([dek.hint, dek.firmware]).to.deep.equal([login.hint, undefined]);
    nic.set({faults: once('dek')});
    await openAndBeRefused();
    expect(nic.live()).to.deep.equal({contexts: 1, pds: 1, logins: 1, deks: 0});
    await child.run(({kept}) => kept.device!.close());
  });

  it('destroys later what the NIC does not let go of at once', async () => {
    nic.set({
      faults: [
        {command: 'create', object: 'dek', status: 3, times: 1},
        {command: 'destroy', object: 'dek', status: 3, times: 4},
      ],
    });
    await openAndBeRefused();
    expect(nic.live()).to.include({deks: 1});
    for (const left of [1, 0]) {
      await child.run(async ({kept}) => void (await kept.device!.queryDeks([])));
      expect(nic.live()).to.include({deks: left});
    }
    await child.run(({kept}) => kept.device!.close());
  });

  it('asks for 16 of a batch, and for none when it is switched off', async () => {
    const refused = (on: boolean) =>
      child.run(
        async ({openDevice, explainRefusals, bytes}, {on, credential, ...ids}) => {
          explainRefusals(on);
          const device = await openDevice();
          device.login({...ids, credential: bytes(credential)});
          const one = {wrapped: bytes('00'.repeat(40)), keySize: 128, keytag: false} as const;
          const {deks} = await device.createDeks(new Array(40).fill(one));
          explainRefusals(true);
          device.close();
          return deks.filter((dek) => 'firmware' in dek && dek.firmware !== undefined).length;
        },
        {on, ...nic.secrets},
      );
    expect(await refused(true)).to.equal(16);
    expect(await refused(false)).to.equal(0);
  });
});
