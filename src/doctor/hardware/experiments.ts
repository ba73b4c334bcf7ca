/**
 * What is asked of a NIC, and which assumption it decides. Each leaves nothing: what it makes goes with it, or with the
 * context at the latest. Those without a manifest come first.
 */
import {Proving} from '../../agent/nic/proving.js';
import {wordsOf} from '../../agent/proof-words.js';
import {wipe} from '../../bytes.js';
import {MAX_ID, WRAPPED_CREDENTIAL_BYTES} from '../../dek-layout.js';
import type {ManifestEntry} from '../../manifest/index.js';
import type {Device} from '../../rdma/index.js';
import {type Answer, answer, type Bench, type Experiment, statusIn, statusOf} from './bench.js';
import {dekCommand, loginCommand, pdGoes, setBehind, setReserved} from './commands.js';

const NO_MANIFEST = 'not asked: no manifest with a login was given';
const NO_KEK = 'not asked: no KEK was given';

/** A login with ids that no officer gives, and a credential of zeros. */
const strangers: Experiment = {
  title: 'a login under an id that is not there',
  numbers: [7, 9],
  async run({nic}) {
    const {importMode, operational} = nic.readCaps();
    const login = {credential: new Uint8Array(WRAPPED_CREDENTIAL_BYTES), credentialId: MAX_ID, importKekId: MAX_ID};
    const name = statusOf(nic, loginCommand(login));
    const seen = `${importMode} import${importMode === 'wrapped' && !operational ? ', not operational' : ''}: ${name}`;
    return [
      answer(7, importMode === 'wrapped' && !operational ? name === 'BAD_SYS_STATE' : undefined, seen),
      answer(9, importMode === 'plaintext' ? name !== 'OK' : undefined, seen),
    ];
  },
};

const statuses: Experiment = {
  title: 'the status of refusals',
  numbers: [1],
  async run({nic, material}) {
    const login = material?.header.login;
    if (!login || nic.readCaps().importMode !== 'wrapped') return [answer(1, undefined, NO_MANIFEST)];
    const flipped = Uint8Array.from(login.credential, (byte, i) => (i === 9 ? byte ^ 1 : byte));
    const wanted: [string, string, string][] = [
      ['another KEK id', 'BAD_IX', statusOf(nic, loginCommand({...login, importKekId: MAX_ID}))],
      ['another credential id', 'BAD_IX', statusOf(nic, loginCommand({...login, credentialId: MAX_ID}))],
      ['an altered credential', 'BAD_PARAM', statusOf(nic, loginCommand({...login, credential: flipped}))],
    ];
    const [dek] = material!.deks;
    if (dek) {
      using _session = nic.login(login);
      const altered = {...dek, wrapped: Uint8Array.from(dek.wrapped, (byte, i) => (i === 9 ? byte ^ 1 : byte))};
      wanted.push(['an altered key', 'BAD_PARAM', statusOf(nic, dekCommand(nic, altered))]);
      wanted.push(['a bit without a name', 'BAD_PARAM', statusOf(nic, dekCommand(nic, dek, setReserved))]);
    }
    const seen = wanted.map(([what, , status]) => `${what} ${status}`).join(', ');
    return [
      answer(
        1,
        wanted.every(([, status, got]) => status === got),
        seen,
      ),
    ];
  },
};

const underLogin: Experiment = {
  title: 'what a context with a login takes',
  numbers: [2, 4, 5, 6],
  async run({nic, material, kek}) {
    const login = material?.header.login;
    const [dek] = material?.deks ?? [];
    if (!login || !dek) return [2, 4, 5, 6].map((number) => answer(number, undefined, NO_MANIFEST));
    using _session = nic.login(login);
    const second = statusOf(nic, loginCommand(login));
    const goes = pdGoes(nic, dek);
    const behind = statusOf(nic, dekCommand(nic, dek, setBehind(dek.wrapped.length)));
    return [
      answer(2, second === 'BAD_RES_STATE', `the second login: ${second}`),
      answer(4, goes, goes === undefined ? 'no DEK could be made for it' : goes ? 'the PD went' : 'the PD is busy'),
      kek === null ? answer(5, undefined, NO_KEK) : await equalHalves(nic, kek),
      answer(6, behind === 'OK', `with a byte behind the key: ${behind}`),
    ];
  },
};

async function equalHalves(nic: Device, kek: NonNullable<Bench['kek']>): Promise<Answer> {
  const plaintext = new Uint8Array(32).fill(0x5a);
  const wrapped = await kek.wrap(plaintext, plaintext.length);
  const name = statusOf(nic, dekCommand(nic, {wrapped, keySize: 128, keytag: false}));
  wipe(plaintext, wrapped);
  return answer(5, name === 'OK', `key1 == key2: ${name}`);
}

const proofs: Experiment = {
  title: 'known data through a DEK',
  numbers: [12, 13, 15, 16, 17],
  async run({nic, material}) {
    const login = material?.header.login;
    const dek = material?.deks.find(({dcv, keytag, keytagValue}) => dcv && (!keytag || keytagValue));
    if (!login || !dek) {
      const why = login ? 'not asked: no DEK of the manifest has a check value (DCV)' : NO_MANIFEST;
      return [12, 13, 15, 16, 17].map((number) => answer(number, undefined, why));
    }
    const {isUp} = await nic.readPort();
    using session = nic.login(login);
    using held = nic.createDek(dek);
    const found = await proof(nic, dek, held);
    const wrongTag = dek.keytagValue ? await proof(nic, {...dek, keytagValue: flip(dek.keytagValue)}, held) : undefined;
    session.close();
    const after = await proof(nic, dek, held);
    const words = wordsOf(found);
    const isTweak = found.verdict === 'tweak-increment' || found.verdict === 'tweak-reversed';
    const isShown = found.verdict === 'ok';
    const loopback = found.reason === 'no-loopback' || found.reason === 'no-gid' || found.reason === 'port-down';
    return [
      answer(12, isShown || (found.verdict === 'halves-swapped' ? false : undefined), words),
      answer(13, isShown || (isTweak ? false : undefined), words),
      answer(
        15,
        wrongTag && isShown ? wrongTag.verdict === 'keytag-refused' : undefined,
        wrongTag ? `another keytag: ${wordsOf(wrongTag)}` : 'not asked: the DEK has no keytag',
      ),
      answer(16, isShown ? after.verdict === 'ok' : undefined, `after the logout: ${wordsOf(after)}`),
      answer(
        17,
        loopback ? false : !isUp && isShown ? true : undefined,
        `port ${isUp ? 'up: bring it down and run again to decide' : 'down'}; ${words}`,
      ),
    ];
  },
};

async function proof(nic: Device, dek: ManifestEntry, held: ReturnType<Device['createDek']>) {
  const proving = await Proving.open(nic);
  try {
    const {dcv = null, dcvHints = null, keytagValue = null} = dek;
    return (await proving.prove([{dek: held, dcv, dcvHints, keytagValue}]))[0]!;
  } finally {
    proving.close();
  }
}

function flip(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes, (byte, i) => (i === 0 ? byte ^ 1 : byte));
}

/** How many DEKs are made to see what one costs. */
const TIMED = 32;

const times: Experiment = {
  title: 'the time of firmware commands',
  numbers: [10],
  async run({nic, material}) {
    const login = material?.header.login;
    const [dek] = material?.deks ?? [];
    if (!login || !dek) return [answer(10, undefined, NO_MANIFEST)];
    using _session = nic.login(login);
    const one = timed(() => nic.createDek(dek).destroy());
    const refused = timed(() => statusOf(nic, dekCommand(nic, dek, setReserved)));
    const start = performance.now();
    const {deks} = await nic.createDeks(new Array(TIMED).fill(dek));
    const many = (1000 * (performance.now() - start)) / TIMED;
    for (const made of deks) if (!(made instanceof Error)) made.destroy();
    const figures = `create and destroy ${one} us, a refused create ${refused} us`;
    const atOnce = `of ${TIMED} at once ${many.toFixed(0)} us each: serial if that is no less than half of the first`;
    return [answer(10, undefined, `${figures}, ${atOnce}`)];
  },
};

/** The median of some runs, in microseconds. */
function timed(run: () => void): number {
  const runs = Array.from({length: TIMED}, () => {
    const start = performance.now();
    run();
    return 1000 * (performance.now() - start);
  }).sort((a, b) => a - b);
  return Math.round(runs[TIMED / 2]!);
}

export const EXPERIMENTS: readonly Experiment[] = [strangers, statuses, underLogin, proofs, times];

/** What an experiment answers; an error that it did not expect leaves its assumptions open. */
export async function attempt(experiment: Experiment, bench: Bench): Promise<readonly Answer[]> {
  try {
    return await experiment.run(bench);
  } catch (error) {
    const status = statusIn(error);
    return experiment.numbers.map((number) => answer(number, undefined, `${experiment.title} was refused: ${status}`));
  }
}
