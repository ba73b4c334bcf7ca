/** What a tenant has left is told from what is the agent's, also where the kernel lists only the newest objects. */
import {constants} from 'node:os';
import {expect} from 'chai';
import {destroyForeign} from '../../../src/agent/lending/clean-up.js';
import type {ObjectType} from '../../../src/rdma/shared/handles.js';
import type {Sharing} from '../../../src/rdma/shared/sharing.js';
import {thrownBy} from '../../support/process/errors-thrown.js';

/** A context whose objects are in lists, the newest first; `most` are listed. */
class FakeContext {
  readonly objects: Partial<Record<ObjectType, number[]>>;
  readonly #most: number;
  /** What cannot be destroyed. */
  busy: (type: ObjectType, handle: number) => boolean = () => false;

  constructor(objects: Partial<Record<ObjectType, number[]>>, most = 100) {
    this.objects = objects;
    this.#most = most;
  }

  get sharing(): Sharing {
    return {
      handles: (type: ObjectType) => {
        const all = this.objects[type] ?? [];
        return {handles: all.slice(0, this.#most), isCut: all.length >= this.#most};
      },
      quiet: async () => {},
      destroy: async (type: ObjectType, handle: number) => {
        if (this.busy(type, handle)) return constants.errno.EBUSY;
        this.objects[type] = this.objects[type]!.filter((one) => one !== handle);
        return 0;
      },
    } as unknown as Sharing;
  }
}

const OWN = (type: ObjectType): ((handle: number) => boolean) => {
  const own = type === 'DEVX_OBJ' ? [1, 2, 3] : type === 'PD' ? [0] : [];
  return (handle) => own.includes(handle);
};

describe('destroyForeign', () => {
  it('destroys what is not the agent’s, and that alone', async () => {
    const context = new FakeContext({QP: [9], DEVX_OBJ: [8, 3, 7, 2, 1], CQ: [6], PD: [0, 5], UAR: [4]});
    expect(await destroyForeign(context.sharing, OWN, new Set([1]))).to.equal(6);
    expect(context.objects).to.deep.equal({QP: [], DEVX_OBJ: [3, 2, 1], CQ: [], PD: [0], UAR: []});
  });

  it('tries again what others of the tenant use', async () => {
    const context = new FakeContext({CQ: [6], QP: [9], FLOW: [2]});
    context.busy = (type) => type === 'QP' && (context.objects.CQ?.length ?? 0) > 0;
    expect(await destroyForeign(context.sharing, OWN, new Set())).to.equal(3);
  });

  it('gives up on what cannot be destroyed', async () => {
    const context = new FakeContext({QP: [9]});
    context.busy = () => true;
    expect((await thrownBy(() => destroyForeign(context.sharing, OWN, new Set()))).message).to.include(
      'cannot be destroyed',
    );
  });

  it('is content with the newest when one of before the tenant is among them', async () => {
    const context = new FakeContext({DEVX_OBJ: [9, 8, 3, 2, 1]}, 3);
    expect(await destroyForeign(context.sharing, OWN, new Set([3]))).to.equal(2);
    expect(context.objects.DEVX_OBJ).to.deep.equal([3, 2, 1]);
  });

  it('does not take a list for whole that shows none of before', async () => {
    const context = new FakeContext({DEVX_OBJ: [3, 2, 9, 1]}, 2);
    expect((await thrownBy(() => destroyForeign(context.sharing, OWN, new Set([1])))).message).to.include(
      'too many objects',
    );
  });

  it('does not guess where the kernel tells nothing', async () => {
    const sharing = {handles: () => null, quiet: async () => {}, destroy: async () => 0} as unknown as Sharing;
    expect((await thrownBy(() => destroyForeign(sharing, OWN, new Set()))).message).to.include('does not list');
  });
});
