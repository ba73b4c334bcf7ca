/**
 * A service that moves data while its agent is killed and started again, applies manifests under other import KEKs, and
 * heals DEKs that turned to ERROR. Every block that it leaves is compared with OpenSSL, and the NIC's counts with those
 * of before.
 */
import {setTimeout as pause} from 'node:timers/promises';
import {type Counts, type Road, type Service, Stage} from './stage.js';

export interface PlayOptions {
  readonly road: Road;
  /** How long data is moved, and longer if what is to happen meanwhile takes longer. */
  readonly seconds: number;
  /** Of 4,096 bytes each. */
  readonly blocks: number;
  readonly kills: number;
  readonly rotations: number;
  /** DEKs that turn to ERROR. */
  readonly errors: number;
  /** Told of each step. */
  readonly say?: (text: string) => void;
}

export interface PlayResult {
  /** How blockstore ended. */
  readonly status: number | NodeJS.Signals;
  readonly report: Readonly<Record<string, number>>;
  readonly log: string;
  /** Blocks that were written, and those of them that are not what OpenSSL says. */
  readonly compared: number;
  readonly differing: number;
  readonly before: Counts;
  readonly after: Counts;
}

/** What blockstore says of a DEK that was replaced. */
const CHANGED = 'has another object';

/** Plays it on a NIC of its own, and leaves nothing behind. */
export async function play(options: PlayOptions): Promise<PlayResult> {
  const stage = await Stage.open(options.road);
  try {
    const before = stage.counts();
    const service = stage.startService(24 * 3600, options.blocks);
    await service.ready();
    await takeSteps(stage, service, options);
    service.child.kill('SIGTERM');
    const status = await service.ended;
    const after = await stage.settle(before);
    return {status, report: service.report(), log: service.log, ...stage.compare(service), before, after};
  } finally {
    await stage.close();
  }
}

/** All that is to happen, in an order of chance, spread over the time. */
async function takeSteps(stage: Stage, service: Service, options: PlayOptions): Promise<void> {
  const {road, seconds, kills, rotations, errors, say = () => {}} = options;
  const steps = shuffle([
    ...Array.from({length: kills}, () => async () => {
      say('kills the agent');
      const text = road === 'lend' ? 'there is an agent again' : 'moved to another context';
      const [seen, changed] = [service.times(text), service.times(CHANGED)];
      await stage.agent.end('SIGKILL');
      await stage.startAgent();
      await service.until(() => service.times(text) > seen, text);
      if (road === 'lend' && service.times(CHANGED) > changed)
        throw new Error(`what was whole was made again:\n${service.log}`);
    }),
    ...Array.from({length: rotations}, () => async () => {
      say('rotates the import KEK');
      const text = `tagged: ${CHANGED}`; // it has no check value that would tell that it is the same key
      const seen = service.times(text);
      await stage.rotate();
      await service.until(() => service.times(text) > seen, text);
    }),
    ...Array.from({length: errors}, (_, i) => async () => {
      const name = i % 2 ? 'plain' : 'tagged';
      say(`turns ${name} to ERROR`);
      const seen = service.times(`${name}: failed`);
      stage.device.nic.set({dekErrors: []});
      stage.device.nic.set({dekErrors: [{which: {opaque: Buffer.from(name)}}]});
      await service.until(() => service.times(`${name}: failed`) > seen, `${name}: failed`);
      await service.until(() => service.times(`${name}: goes on`) > seen, `${name}: goes on`);
    }),
  ]);
  const begun = performance.now();
  for (const [i, step] of steps.entries()) {
    await pause(begun + (i / steps.length) * seconds * 1000 - performance.now());
    if (service.hasEnded) return;
    await step();
  }
  await pause(begun + seconds * 1000 - performance.now());
}

function shuffle<T>(list: T[]): T[] {
  for (let i = list.length - 1; i > 0; i--) {
    const other = Math.floor(Math.random() * (i + 1));
    [list[i], list[other]] = [list[other]!, list[i]!];
  }
  return list;
}
