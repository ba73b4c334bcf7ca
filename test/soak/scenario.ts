/**
 * What happens to an agent and its NICs in one scenario: steps that follow from a seed and a number alone, and how each
 * is said as commands. Pure: test/soak/world.ts does them.
 */
import {Random} from './random.js';

export type Step =
  /** A manifest of vol-FROM to vol-TO in `version` is applied; `bad`: its last key is altered, which no NIC takes. */
  | {do: 'apply'; from: number; to: number; version: number; bad?: boolean; killAfterMs?: number}
  /** The manifest of the last apply is replaced, and the agent told by SIGHUP. */
  | {do: 'reload'; from: number; to: number; version: number}
  | {do: 'create'; vol: number; version: number; killAfterMs?: number}
  | {do: 'destroy'; vols: number[] | 'all'; killAfterMs?: number}
  | {do: 'login'}
  | {do: 'logout'}
  /** Words of `dek virtual set`, on one NIC, or on all. */
  | {do: 'set'; nic: number | 'all'; words: string[]}
  | {do: 'revoke'}
  | {do: 'restore'}
  | {do: 'gone'; nic: number; ms: number}
  | {do: 'pause'; ms: number}
  | {do: 'kill-agent'};

export interface Scenario {
  readonly seed: number;
  readonly number: number;
  /** The import mode of each NIC. */
  readonly nics: readonly ('wrapped' | 'plaintext')[];
  readonly steps: readonly Step[];
  /** How the agent ends. */
  readonly end: 'SIGTERM' | 'SIGKILL';
}

/** Names are vol-1 to vol-MOST. */
const MOST = 24;
/**
 * log-max-deks: room for one DEK, or for all. Between the two an apply may replace in slices, and what it leaves when
 * the NIC refuses one is no longer one set or the other (dek-agent(8), Room on the NIC).
 */
const ROOM = [0, 10];

export function scenarioOf(seed: number, number: number): Scenario {
  const random = new Random(seed, number);
  const nics = random.one([
    ['wrapped'],
    ['wrapped', 'wrapped'],
    ['plaintext'],
    ['wrapped', 'plaintext'],
    ['plaintext', 'plaintext'],
  ] as const);
  const steps: Step[] = [applyOf(random)];
  for (let more = random.between(4, 9); more > 0; more--) steps.push(stepOf(random, nics));
  return {seed, number, nics, steps, end: random.one(['SIGTERM', 'SIGKILL'])};
}

function applyOf(random: Random): Step & {do: 'apply'} {
  const from = random.between(1, 8);
  return {do: 'apply', from, to: random.between(from + 1, MOST), version: random.between(1, 3)};
}

function killed(random: Random): {killAfterMs?: number} {
  return random.chance(25) ? {killAfterMs: random.between(20, 600)} : {};
}

function stepOf(random: Random, nics: Scenario['nics']): Step {
  const wrappedOnly = nics.every((mode) => mode === 'wrapped');
  const kinds: (() => Step)[] = [
    () => ({...applyOf(random), ...killed(random)}),
    () => ({...applyOf(random), ...(random.chance(40) ? {bad: true} : {})}),
    () => ({...applyOf(random), do: 'reload'}),
    () => ({
      do: 'destroy',
      vols: random.chance(20) ? 'all' : [random.between(1, MOST), random.between(1, MOST)],
      ...killed(random),
    }),
    () => ({do: 'set', nic: random.chance(50) ? 'all' : random.below(nics.length), words: [faultOf(random)]}),
    () => ({do: 'set', nic: random.below(nics.length), words: [faultOf(random), faultOf(random)]}),
    () => ({
      do: 'set',
      nic: 'all',
      words: [random.one(['dek-error=all', `dek-error=opaque:hex:0${random.between(1, 3)}`])],
    }),
    () => ({
      do: 'set',
      nic: 'all',
      words: [`latency-us=${random.one([0, 200, 3000])}`, `parallel=${random.one([1, 16])}`],
    }),
    () => ({do: 'set', nic: random.below(nics.length), words: [`log-max-deks=${random.one(ROOM)}`]}),
    () => ({do: 'set', nic: 'all', words: ['fault=none', 'dek-error=none']}),
    () => ({do: 'gone', nic: random.below(nics.length), ms: random.between(0, 1500)}),
    () => ({do: 'pause', ms: random.between(0, 1500)}),
    () => ({do: 'kill-agent'}),
  ];
  const ofLogins: (() => Step)[] = [
    () => ({do: 'create', vol: random.between(1, MOST), version: random.between(1, 3), ...killed(random)}),
    () => ({do: 'login'}),
    () => ({do: 'logout'}),
    () => ({do: 'revoke'}),
    () => ({do: 'restore'}),
  ];
  return random.one(wrappedOnly ? [...kinds, ...ofLogins] : kinds)();
}

function faultOf(random: Random): string {
  const command = random.one(['create', 'query', 'destroy', 'any', 'create-dek', 'create-login', 'query-dek', 'caps']);
  const status = random.one(['int_err', 'bad_param', 'res_busy', 'lim_err', 'no_res', 'bad_res_state']);
  return `fault=${command},status=${status},times=${random.between(1, 12)}`;
}

/** What `dek destroy` is given. */
export function namesOf(vols: readonly number[] | 'all'): string[] {
  return vols === 'all' ? ['--all'] : [...new Set(vols)].map((vol) => `vol-${vol}`);
}

/** The steps as a person would type them; of a manifest what is in it. */
export function asCommands({nics, steps, end}: Scenario): string[] {
  const dek = 'dek virtual exec nic -- dek';
  const nicOf = (nic: number | 'all'): string => (nic === 'all' ? '' : ` --device mlx5_${nic}`);
  const killing = ({killAfterMs}: {killAfterMs?: number}): string =>
    killAfterMs === undefined ? '' : ` & sleep ${killAfterMs / 1000}; kill -9 $!`;
  const contentOf = (list: {from: number; to: number; version: number; bad?: boolean}): string =>
    `vol-${list.from} to vol-${list.to}, version ${list.version}${list.bad ? ', the last key altered' : ''}`;
  const gone = (nic: number, value: string): string => `dek virtual set nic gone=${value}${nicOf(nic)}`;
  const lineOf = (step: Step, at: number): string => {
    switch (step.do) {
      case 'apply':
        return `dek apply manifest-${at}${killing(step)}   # ${contentOf(step)}`;
      case 'reload':
        return `kill -HUP $AGENT   # its manifest now: ${contentOf(step)}`;
      case 'create':
        return `dek create vol-${step.vol} key --opaque hex:0${step.version}${killing(step)}`;
      case 'destroy':
        return `dek destroy ${namesOf(step.vols).join(' ')}${killing(step)}`;
      case 'set':
        return `dek virtual set nic ${step.words.join(' ')}${nicOf(step.nic)}`;
      case 'revoke':
        return 'dek virtual set nic revoke-kek=ID';
      case 'restore':
        return 'dek virtual set nic kek=ID:file:nic/officer/import-kek';
      case 'gone':
        return `${gone(step.nic, 'yes')}; sleep ${step.ms / 1000}; ${gone(step.nic, 'no')}`;
      case 'pause':
        return `sleep ${step.ms / 1000}`;
      case 'kill-agent':
        return 'kill -9 $AGENT, and start it again with the manifest that was applied last';
      default:
        return `dek ${step.do}`;
    }
  };
  return [
    `dek virtual create nic --devices ${nics.length}   # import mode: ${nics.join(', ')}`,
    `${dek} agent --check-interval 1 --device ${nics.map((_, i) => `mlx5_${i}`).join(',')} & AGENT=$!`,
    ...steps.map(lineOf),
    `# all faults are taken back; kill -s ${end} $AGENT`,
  ];
}
