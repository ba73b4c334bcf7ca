/** Runs the checks of `dek doctor` in a process that may be on a virtual ConnectX, and that may be doctored. */
import type {ReportLine} from '../../../src/doctor/examine.js';
import type {SceneOptions} from '../../../src/doctor/scene.js';
import {Child} from '../child.js';

const SOURCES = new URL('../../../src/', import.meta.url).href;

/** What the scene says in place of what it would ask. */
export interface Stage {
  /** An error in place of the list of devices: its code and message. */
  devices?: [code: string, message: string];
  /** What of the agent's status is not as in an idle one; or the code of an error. */
  agent?: object | string;
  /** What the NICs say of their capabilities. */
  caps?: object;
  hca?: object;
  /** `--probe` of this manifest. */
  probe?: string;
}

const IDLE = {
  version: '0.0.0',
  pid: 1,
  starting: false,
  devices: [],
  lends: false,
  deks: {total: 0, ready: 0, error: 0, unknown: 0, proven: 0, wrong: 0},
  contexts: [],
  proveShare: null,
  manifest: null,
  heals: 0,
};

export class Examiner {
  readonly #child: Child;

  constructor(env: NodeJS.ProcessEnv = {}, execArgv: string[] = []) {
    this.#child = new Child(env, execArgv);
  }

  /** What the checks find, in order; those that are well have no verdict. */
  examine(options: SceneOptions = {}, stage: Stage = {}): Promise<ReportLine[]> {
    return this.#child.run(
      async ({import: load}, {sources, options, stage, idle}) => {
        const module = async (name: string) => (await load(`${sources}${name}.js`)) as Record<string, never>;
        const {Scene} = (await module('doctor/scene')) as unknown as typeof import('../../../src/doctor/scene.js');
        const {examine} = (await module(
          'doctor/examine',
        )) as unknown as typeof import('../../../src/doctor/examine.js');
        const {CHECKS} = (await module('doctor/table')) as unknown as typeof import('../../../src/doctor/table.js');
        const {probeOf} = (await module('doctor/checks/nic/probe')) as unknown as {probeOf(path: string): never};
        const {DekError} = (await module('errors')) as unknown as typeof import('../../../src/errors.js');
        const scene = new Scene(options);
        const {devices, agent, caps, hca, probe} = stage;
        if (devices) scene.devices = () => new DekError(devices[0] as never, devices[1]);
        if (agent !== undefined) {
          const status = typeof agent === 'string' ? new DekError(agent as never, 'said so') : {...idle, ...agent};
          scene.agent = async () => status as never;
        }
        if (caps || hca) {
          for (const nic of await scene.nics()) {
            const [ownCaps, ownHca] = [nic.readCaps(), nic.readHcaCaps()];
            nic.readCaps = () => ({...ownCaps, ...caps});
            nic.readHcaCaps = () => ({...ownHca, ...hca});
          }
        }
        try {
          const checks = probe === undefined ? CHECKS : [...CHECKS, probeOf(probe)];
          return (await examine(checks, scene)).lines;
        } finally {
          await scene.close();
        }
      },
      {sources: SOURCES, options, stage, idle: IDLE},
    );
  }

  /** The verdicts, in order. */
  async verdicts(options: SceneOptions = {}, stage: Stage = {}): Promise<string[]> {
    return (await this.examine(options, stage)).flatMap(({verdict}) => verdict ?? []);
  }

  end(): Promise<void> {
    return this.#child.stop();
  }
}
