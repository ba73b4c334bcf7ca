/** What each firmware command costs, and whether the firmware does one after the other. */
import {DEK_LAYOUTS} from '../../dek-layout.js';
import {Dek} from '../../rdma/dek/dek.js';
import {Device} from '../../rdma/device.js';
import {DekAttr} from '../../rdma/structs.js';
import {answer, type Bench, type Experiment, logIn, statusOf, type Trial, trial} from './bench.js';
import {dekCommand, setReserved} from './commands.js';
import {firstSubject} from './subject.js';

/** How often each is timed. */
const TIMES = 16;
/** How often all are at once. The best counts: a busy machine makes it look slow, and nothing makes it look fast. */
const ROUNDS = 3;
/** The share of its time alone that a command takes among others: from here on serial, up to there together. */
const [SERIAL, TOGETHER] = [0.65, 0.5];
/** A command that is answered faster than this is done before another call is under way, and is made of our own. */
const TOO_FAST_US = 15;

export const times: Experiment = {
  title: 'the time of firmware commands',
  numbers: [10],
  async run(bench) {
    const subject = await firstSubject(bench, DEK_LAYOUTS);
    if (typeof subject === 'string') return notRun(subject);
    using _wiped = subject;
    const logins = timesOfLogin(bench);
    const session = logIn(bench);
    if (typeof session === 'string') return notRun(session);
    using _session = session;
    const {nic} = bench;
    const deks: Dek[] = [];
    const create = timed(() => deks.push(nic.createDek(subject.options)));
    const refused = timed(() => statusOf(nic, dekCommand(nic, subject.options, setReserved)));
    const query = timed((i) => deks[i]!.query());
    const together = await queriesTogether(nic, deks);
    const destroy = timed((i) => deks[i]!.destroy());
    const caps = timed(() => nic.readCaps());
    const share = refused.best / create.best;
    const isTold = create.best >= TOO_FAST_US;
    const holds = isTold && share >= 0.5 ? true : isTold && share < 0.25 ? false : undefined;
    return {
      answers: [answer(10, holds, `a create ${create.best} us, a refused one ${refused.best} us, at best`)],
      trials: [
        ...logins,
        figures('create of a DEK', create),
        figures('refused create of a DEK', refused),
        figures('query of a DEK', query),
        figures('destruction of a DEK', destroy),
        figures('query of capabilities', caps),
        trial('the time of commands at once', true, serialWords(query.best, together)),
      ],
    };
  },
};

function notRun(why: string): {answers: [ReturnType<typeof answer>]; trials: Trial[]} {
  return {answers: [answer(10, undefined, why)], trials: [trial('the time of each command', undefined, why)]};
}

/** In microseconds. */
interface Figures {
  readonly best: number;
  readonly median: number;
  readonly worst: number;
}

function timed(run: (index: number) => unknown): Figures {
  return figuresOf(
    Array.from({length: TIMES}, (_, i) => {
      const start = performance.now();
      run(i);
      return performance.now() - start;
    }),
  );
}

function figuresOf(ms: number[]): Figures {
  ms.sort((a, b) => a - b);
  const [best, median, worst] = [ms[0]!, ms[ms.length >> 1]!, ms.at(-1)!].map((time) => Math.round(1000 * time));
  return {best: best!, median: median!, worst: worst!};
}

function figures(what: string, {best, median, worst}: Figures): Trial {
  const seen = `${median} us in the middle of ${TIMES}, from ${best} to ${worst} us`;
  return trial(`the time of the ${what}`, true, seen);
}

/** Of a NIC that takes logins; none else. */
function timesOfLogin({nic, material}: Bench): Trial[] {
  const login = material?.header.login;
  if (!login || nic.readCaps().importMode === 'plaintext') return [];
  const logouts: number[] = [];
  const logins = timed(() => {
    const session = nic.login(login);
    const start = performance.now();
    session.close();
    logouts.push(performance.now() - start);
  });
  return [figures('login and logout', logins), figures('logout', figuresOf(logouts))];
}

/** Microseconds a query at best, when all are under way at once, as far as libuv's pool has threads. */
async function queriesTogether(nic: Device, deks: readonly Dek[]): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) best = Math.min(best, await oneRound(nic, deks));
  return best;
}

async function oneRound(nic: Device, deks: readonly Dek[]): Promise<number> {
  const context = Device.contextOf(nic);
  const attrs = deks.map(() => new DekAttr());
  const start = performance.now();
  await Promise.all(
    deks.map(
      (dek, i) =>
        new Promise<number>((resolve) => {
          context.lib.async.mlx5dv_dek_query(Dek.pointerOf(context, dek), attrs[i]!.clear(), resolve);
        }),
    ),
  );
  return (1000 * (performance.now() - start)) / deks.length;
}

function serialWords(one: number, together: number): string {
  const share = together / one;
  const verdict =
    one < TOO_FAST_US
      ? 'not told: it answers before another call is under way'
      : share >= SERIAL
        ? 'serial: one command after the other'
        : share <= TOGETHER
          ? 'several commands at once'
          : 'not told';
  return `${verdict} (a query ${one} us alone, ${Math.round(together)} us each of ${TIMES} together)`;
}
