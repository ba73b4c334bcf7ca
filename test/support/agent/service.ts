/**
 * A service in a process of its own, under the virtual ConnectX: it lends a context to an agent, or attaches to the
 * agent's, and makes queues there.
 */
import type {SharedContext, SharedEvent} from '../../../src/agent/service/shared-context.js';
import type {SharedDek} from '../../../src/agent/service/shared-dek.js';
import type {Device, Prover} from '../../../src/rdma/index.js';
import {Child} from '../child.js';
import type {TestDevice} from '../nic/device.js';

/** What a service keeps between two calls, in its own process. */
interface Held {
  device?: Device;
  shared?: SharedContext;
  provers: Prover[];
  before?: Uint8Array;
}
declare global {
  var held: Held;
}

/** A DEK as a service knows it. */
export type KnownDek = Pick<SharedDek, 'name' | 'objectId' | 'handle' | 'absent'>;

const at = (path: string): string => new URL(`../../../src/${path}.js`, import.meta.url).href;
const MODULES = {
  client: at('agent/client'),
  import_: at('rdma/shared/import'),
  sharing: at('rdma/shared/sharing'),
};

export class Service {
  readonly #child: Child;

  constructor(device: TestDevice) {
    this.#child = new Child(device.nic.environment());
  }

  /** Lends a new context, or its context again with what it knows. */
  async lend(socket: string, names?: readonly string[]): Promise<KnownDek[]> {
    await this.#child.run(
      async ({openDevice, import: load}, {modules, socket, names}) => {
        const {AgentClient} = (await load(modules.client)) as typeof import('../../../src/agent/client.js');
        const {Sharing} = (await load(modules.sharing)) as typeof import('../../../src/rdma/shared/sharing.js');
        globalThis.held ??= {provers: []};
        const {held} = globalThis;
        held.device ??= await openDevice();
        const {fd, pdHandle} = new Sharing(held.device);
        if (held.shared) held.before = held.shared.table();
        held.shared = await new AgentClient(socket).lend({fd, pdHandle, names, before: held.before});
      },
      {modules: MODULES, socket, names},
    );
    return this.#known();
  }

  /** Attaches to the agent's context, and imports it. */
  async attach(socket: string, names?: readonly string[]): Promise<KnownDek[]> {
    await this.#child.run(
      async ({import: load}, {modules, socket, names}) => {
        const {AgentClient} = (await load(modules.client)) as typeof import('../../../src/agent/client.js');
        const {importDevice} = (await load(modules.import_)) as typeof import('../../../src/rdma/shared/import.js');
        globalThis.held = {provers: []};
        const {held} = globalThis;
        held.shared = await new AgentClient(socket).attach({names});
        held.device = await importDevice(held.shared.fd, held.shared.pdHandle);
      },
      {modules: MODULES, socket, names},
    );
    return this.#known();
  }

  /** Attaches again, to the next agent, and keeps what it has imported. */
  async attachAgain(socket: string): Promise<KnownDek[]> {
    await this.#child.run(
      async ({import: load}, {modules, socket}) => {
        const {AgentClient} = (await load(modules.client)) as typeof import('../../../src/agent/client.js');
        const {held} = globalThis;
        held.shared!.close();
        held.shared = await new AgentClient(socket).attach();
      },
      {modules: MODULES, socket},
    );
    return this.#known();
  }

  /** What the NIC says of each DEK that the service knows, asked by the service itself: READY, or an error. */
  states(): Promise<Record<string, string>> {
    return this.#child.run(
      async ({import: load}, {modules}) => {
        const {Sharing} = (await load(modules.sharing)) as typeof import('../../../src/rdma/shared/sharing.js');
        const {device, shared} = globalThis.held;
        const sharing = new Sharing(device!);
        const known = [...shared!.deks.values()].filter(({absent}) => !absent);
        const deks = known.map(({handle, objectId: id, keySize, keytag}) =>
          sharing.adopt({handle, id, keySize, keytag, wrapped: true}),
        );
        const answers = await sharing.queryAll(deks);
        for (const dek of deks) sharing.disown(dek);
        const said = answers.map((answer) => ('state' in answer ? answer.state : answer.errno));
        return Object.fromEntries(known.map(({name}, i) => [name, said[i]!]));
      },
      {modules: MODULES},
    );
  }

  /** Makes queues, memory keys and a memory region in its context. */
  async makeQueues(): Promise<void> {
    await this.#child.run(async () => {
      const {held} = globalThis;
      held.provers.push(await held.device!.openProver());
    });
  }

  next(): Promise<SharedEvent | undefined> {
    return this.#child.run(() => globalThis.held.shared!.next());
  }

  #known(): Promise<KnownDek[]> {
    return this.#child.run(() => {
      const deks = [...globalThis.held.shared!.deks.values()];
      return deks.map(({name, objectId, handle, absent}) => ({name, objectId, handle, absent}));
    });
  }

  /** The DEK `name`, as it is known now. */
  dek(name: string): Promise<KnownDek & Pick<SharedDek, 'proven'>> {
    return this.#child.run((_, wanted) => {
      const {name, objectId, handle, absent, proven} = globalThis.held.shared!.deks.get(wanted)!;
      return {name, objectId, handle, absent, proven};
    }, name);
  }

  old(): Promise<readonly number[]> {
    return this.#child.run(() => globalThis.held.shared!.old);
  }

  release(): Promise<void> {
    return this.#child.run(() => globalThis.held.shared!.release());
  }

  detach(options: {destroys?: boolean} = {}): Promise<void> {
    return this.#child.run((_, options) => globalThis.held.shared!.detach(options), options);
  }

  /** Closes its queues and its context. */
  close(): Promise<void> {
    return this.#child.run(() => {
      const {held} = globalThis;
      for (const prover of held.provers.splice(0)) prover.close();
      held.device?.close();
      delete held.device;
    });
  }

  end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    return this.#child.stop(signal);
  }
}

/** What the agent says to a request that it refuses. */
export async function refusal(asked: Promise<unknown>): Promise<string> {
  return asked.then(
    () => 'it was not refused',
    (error: Error) => error.message,
  );
}
