/**
 * What a tenant has left in the agent's context. Objects live until the last copy of the descriptor goes, and the agent
 * has one: so it asks the kernel for all objects of the context, and destroys what it did not make itself.
 */
import {DekError} from '../../errors.js';
import {destroyOrder, type Handles, type ObjectType} from '../../rdma/shared/handles.js';
import type {Sharing} from '../../rdma/shared/sharing.js';

/** What is in use by others goes when they are gone: rounds in which nothing could be destroyed. */
const MOST_FAILED_ROUNDS = 3;

/** Which handles of a type are what the agent has in the context now. */
export type OwnHandles = (type: ObjectType) => (handle: number) => boolean;

/**
 * Destroys all that is not the agent's own: how many objects. `own` is asked before each, since a proof may make
 * something meanwhile, which gets the number of what a tenant that is not quite gone has let go of. `oldest` are
 * handles of objects that were there before the tenant came and still are. Throws BUSY when something is left, or the
 * kernel would not list it.
 */
export async function destroyForeign(sharing: Sharing, own: OwnHandles, oldest: ReadonlySet<number>): Promise<number> {
  let destroyed = 0;
  for (let failedRounds = 0; failedRounds < MOST_FAILED_ROUNDS; ) {
    let [found, gone] = [0, 0];
    for (const type of destroyOrder) {
      await sharing.quiet();
      for (const handle of foreign(sharing, type, own(type), oldest)) {
        if (own(type)(handle)) continue;
        found++;
        if ((await sharing.destroy(type, handle)) === 0) gone++;
      }
    }
    if (found === 0) return destroyed;
    destroyed += gone;
    if (gone === 0) failedRounds++;
  }
  throw new DekError('BUSY', 'objects of a tenant that has gone cannot be destroyed');
}

/**
 * Handles of this type that are not the agent's. Of very many objects the kernel lists the newest alone: that is enough
 * when one is among them that was there before the tenant.
 */
function foreign(
  sharing: Sharing,
  type: ObjectType,
  isMine: (handle: number) => boolean,
  oldest: ReadonlySet<number>,
): readonly number[] {
  const listed: Handles | null = sharing.handles(type);
  if (listed === null) throw new DekError('UNSUPPORTED', `the kernel does not list the objects of type ${type}`);
  const others = listed.handles.filter((handle) => !isMine(handle));
  if (listed.isCut && !listed.handles.some((handle) => oldest.has(handle)) && others.length === 0) {
    throw new DekError('UNSUPPORTED', `there are too many objects of type ${type} to list`);
  }
  return others;
}
