/** What the NIC refuses, and with which status: without a login, and with that of the manifest. */
import {type DekLayout, layoutOf, MAX_ID, WRAPPED_CREDENTIAL_BYTES} from '../../dek-layout.js';
import {type Answer, answer, type Bench, type Experiment, logIn, NO_LOGIN, statusIn, statusOf} from './bench.js';
import {dekCommand, loginCommand, setReserved} from './commands.js';
import {type Subject, subjectOf} from './subject.js';

const LAYOUT: DekLayout = layoutOf(128, false);

/** A login with ids that no officer gives, and a credential of zeros. */
export const strangers: Experiment = {
  title: 'a login under an id that is not there',
  numbers: [7, 9],
  async run(bench) {
    const {importMode, operational} = bench.nic.readCaps();
    const login = {credential: new Uint8Array(WRAPPED_CREDENTIAL_BYTES), credentialId: MAX_ID, importKekId: MAX_ID};
    const name = statusOf(bench.nic, loginCommand(login));
    const isCommissioning = importMode === 'wrapped' && !operational;
    const seen = `${importMode} import${isCommissioning ? ', not operational' : ''}: ${name}`;
    return {
      answers: [
        isCommissioning ? inCommissioning(bench, name) : answer(7, undefined, seen),
        importMode === 'plaintext' ? await inPlaintext(bench, name) : answer(9, undefined, seen),
      ],
    };
  },
};

function inCommissioning({nic}: Bench, login: string): Answer {
  const wrapped = new Uint8Array(LAYOUT.wrappedBytes);
  const dek = statusOf(nic, dekCommand(nic, {wrapped, keySize: 128, keytag: false}));
  const holds = login === 'BAD_SYS_STATE' && dek === 'BAD_SYS_STATE';
  return answer(7, holds, `wrapped import, not operational: a login ${login}, a DEK ${dek}`);
}

/** It takes no login, and none is needed for a DEK nor for its query. */
async function inPlaintext(bench: Bench, login: string): Promise<Answer> {
  const subject = (await subjectOf(bench, LAYOUT)) as Subject;
  using _wiped = subject;
  const asked = (() => {
    try {
      using dek = bench.nic.createDek(subject.options);
      return dek.query().state;
    } catch (error) {
      return statusIn(error);
    }
  })();
  const seen = `plaintext import: a login ${login}, the query of a DEK without one ${asked}`;
  return answer(9, login !== 'OK' && asked === 'READY', seen);
}

/** Each with the status that the virtual ConnectX gives. */
export const statuses: Experiment = {
  title: 'the status of refusals',
  numbers: [1],
  async run(bench) {
    const {nic, material} = bench;
    const login = material?.header.login;
    if (!login || nic.readCaps().importMode !== 'wrapped') return {answers: [answer(1, undefined, NO_LOGIN)]};
    const wanted: [string, string, string][] = [
      ['another KEK id', 'BAD_IX', statusOf(nic, loginCommand({...login, importKekId: MAX_ID}))],
      ['another credential id', 'BAD_IX', statusOf(nic, loginCommand({...login, credentialId: MAX_ID}))],
      [
        'an altered credential',
        'BAD_PARAM',
        statusOf(nic, loginCommand({...login, credential: altered(login.credential)})),
      ],
    ];
    const [dek] = material!.deks;
    if (dek) {
      wanted.push(['a DEK before the login', 'BAD_RES_STATE', statusOf(nic, dekCommand(nic, dek))]);
      const session = logIn(bench);
      if (typeof session === 'string') return {answers: [answer(1, undefined, session)]};
      using _session = session;
      const other = {...dek, wrapped: altered(dek.wrapped)};
      wanted.push(['an altered key', 'BAD_PARAM', statusOf(nic, dekCommand(nic, other))]);
      wanted.push(['a bit without a name', 'BAD_PARAM', statusOf(nic, dekCommand(nic, dek, setReserved))]);
    }
    const seen = wanted.map(([what, , status]) => `${what} ${status}`).join(', ');
    const holds = wanted.every(([, status, got]) => status === got);
    return {answers: [answer(1, holds, seen)]};
  },
};

function altered(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes, (byte, i) => (i === 9 ? byte ^ 1 : byte));
}
