/**
 * Making DEKs: mlx5dv_dek_create(3). Keys go to C inside structures outside V8's heap, each of which is wiped after its
 * call. What cannot be wiped from here: the copy that libmlx5 makes on its stack.
 */
import {equalBytes, secretBytes, wipe} from '../bytes.js';
import {DekError} from '../errors.js';
import {assertObject, copyBytes, copyList} from './args.js';
import type {Context} from './context.js';
import {Dek, type DekState, Kind} from './dek.js';
import {commands} from './each.js';
import type {DekPtr} from './ffi.js';
import {C, MLX5DV_DEK_INIT_ATTR as INIT_ATTR} from './layout.js';
import {Login} from './login.js';
import {refusals} from './refusal.js';

export interface CreateDekOptions {
  /** The key as wrapped by the login's import KEK: 40, 48, 72 or 80 bytes. Either this or `plaintext`. */
  wrapped?: Uint8Array | undefined;
  /** key1, key2 and, if there is one, the keytag: 32, 40, 64 or 72 bytes. Only for NICs of plaintext import mode. */
  plaintext?: Uint8Array | undefined;
  /** Bits of key1, as of key2. */
  keySize: 128 | 256;
  /** Whether the key ends with a keytag of 8 bytes. */
  keytag: boolean;
  /** A label of up to 8 bytes, padded with zeros; not secret, returned by `query`. */
  opaque?: Uint8Array | undefined;
}

const OPAQUE_LENGTHS = [0, 1, 2, 3, 4, 5, 6, 7, 8];
const WRAP_OVERHEAD_BYTES = 8;
const LOGIN_BIT = BigInt(C.MLX5DV_DEK_INIT_ATTR_CRYPTO_LOGIN);

/** Bytes of a key with its keytag: mlx5dv_dek_create(3), table "DEK key field construction". */
function keyBytes(keySize: 128 | 256, keytag: boolean, wrapped: boolean): number {
  return (keySize / 8) * 2 + (keytag ? 8 : 0) + (wrapped ? WRAP_OVERHEAD_BYTES : 0);
}

/** For all calls on this thread, since none overlaps another. */
const own = secretBytes(INIT_ATTR.size);
const ownView = new DataView(own.buffer);

/** Creates a DEK in `context`, under its login if the key is wrapped. */
export function createDek(context: Context, options: CreateDekOptions): Dek {
  try {
    const kind = takeOptions(own, ownView, 0, options);
    const {lib, ptr} = context;
    prepare(context, own, ownView, 0, kind);
    const pointer = lib.mlx5dv_dek_create(ptr, own);
    if (pointer === null) throw refusals(context)('create', lib.errno(), isWrapped(kind));
    return new Dek(context, pointer, kind);
  } finally {
    wipe(own);
  }
}

/**
 * Creates many, off this thread. All options are taken before the first command: rejects when one of them is wrong, or
 * none can be sent. From then on there is a DEK or an error for each. With `unfit`, each DEK is queried right after its
 * create, and what does not say READY is put there with what it says.
 */
export async function createDeks(
  context: Context,
  list: readonly CreateDekOptions[],
  unfit?: Map<Dek, DekState | DekError>,
): Promise<(Dek | DekError)[]> {
  const options = copyList(list, 'list');
  const {size} = INIT_ATTR;
  const attrs = secretBytes(options.length * size);
  try {
    const view = new DataView(attrs.buffer);
    const kinds = Uint8Array.from(options, (one, i) => takeNumbered(attrs, view, i * size, one as CreateDekOptions, i));
    const {lib, ptr} = context;
    for (const kind of new Set(kinds)) loginNamedBy(context, kind);
    const results = new Array<Dek | DekError | undefined>(options.length).fill(undefined);
    const made = (i: number, pointer: DekPtr) => {
      results[i] = new Dek(context, pointer, kinds[i]!);
    };
    const creates = commands<Uint8Array>(context, results as (DekError | undefined)[], {
      call: 'create',
      wrapped: (i) => isWrapped(kinds[i]!),
      begin: (i) => {
        prepare(context, attrs, view, i * size, kinds[i]!);
        context.creates++;
        return attrs.subarray(i * size, (i + 1) * size);
      },
      now: (attr, i) => {
        const pointer = lib.mlx5dv_dek_create(ptr, attr);
        if (pointer === null) return lib.errno();
        made(i, pointer);
        return 0;
      },
      start: (attr, i, done) =>
        lib.async.mlx5dv_dek_create(ptr, attr, (pointer, errno) => {
          if (pointer !== null) made(i, pointer);
          done(errno);
        }),
      end: (i) => {
        context.creates--;
        attrs.fill(0, i * size, (i + 1) * size);
      },
    });
    if (unfit === undefined) await context.lanes.run(creates);
    else await Dek.queryAfter(context, creates, results, unfit);
    return results as (Dek | DekError)[];
  } finally {
    wipe(attrs);
  }
}

function isWrapped(kind: number): boolean {
  return (kind & Kind.WRAPPED) !== 0;
}

/** Checks and copies what a caller gave, to `offset`, and returns its kind. Each is read once. */
function takeOptions(struct: Uint8Array, view: DataView, offset: number, options: CreateDekOptions): number {
  assertObject(options, 'options');
  const {wrapped, plaintext, keySize, keytag, opaque} = options;
  if (keySize !== 128 && keySize !== 256) throw new DekError('BAD_ARGUMENT', '"keySize" expected 128 or 256');
  if (typeof keytag !== 'boolean') throw new DekError('BAD_ARGUMENT', '"keytag" expected true or false');
  if ((wrapped === undefined) === (plaintext === undefined)) {
    throw new DekError('BAD_ARGUMENT', 'expected either "wrapped" or "plaintext"');
  }
  const title = wrapped === undefined ? 'plaintext' : 'wrapped';
  const length = keyBytes(keySize, keytag, wrapped !== undefined);
  copyBytes(struct, offset + INIT_ATTR.key, wrapped ?? plaintext, [length], title);
  if (opaque !== undefined) copyBytes(struct, offset + INIT_ATTR.opaque, opaque, OPAQUE_LENGTHS, 'opaque');
  view.setUint32(
    offset + INIT_ATTR.key_size,
    keySize === 128 ? C.MLX5DV_CRYPTO_KEY_SIZE_128 : C.MLX5DV_CRYPTO_KEY_SIZE_256,
    true,
  );
  view.setUint8(offset + INIT_ATTR.has_keytag, keytag ? 1 : 0);
  view.setUint32(offset + INIT_ATTR.key_purpose, C.MLX5DV_CRYPTO_KEY_PURPOSE_AES_XTS, true);
  return (
    (keySize === 256 ? Kind.KEY_SIZE_256 : 0) | (keytag ? Kind.KEYTAG : 0) | (wrapped === undefined ? 0 : Kind.WRAPPED)
  );
}

/** `takeOptions`, with the number in what it complains about. */
function takeNumbered(
  struct: Uint8Array,
  view: DataView,
  offset: number,
  options: CreateDekOptions,
  i: number,
): number {
  try {
    return takeOptions(struct, view, offset, options);
  } catch (error) {
    if (!(error instanceof DekError)) throw error;
    throw new DekError(error.code, `list[${i}]: ${error.message}`, {cause: error});
  }
}

/**
 * Right before the call: the protection domain, and the login that unwraps the key. No code of the caller runs from here
 * on.
 */
function prepare(context: Context, struct: Uint8Array, view: DataView, offset: number, kind: number): void {
  context.ptr;
  const login = loginNamedBy(context, kind);
  if (!isWrapped(kind)) assertDistinctKeys(struct, offset, kind);
  view.setBigUint64(offset + INIT_ATTR.pd, context.pd, true);
  if (login === undefined) return;
  view.setBigUint64(offset + INIT_ATTR.comp_mask, LOGIN_BIT, true);
  view.setBigUint64(offset + INIT_ATTR.crypto_login, login, true);
}

/** FIPS 140-3 IG C.I: the NIC may or may not refuse AES-XTS with key1 == key2. Of a wrapped key only the NIC can tell. */
function assertDistinctKeys(struct: Uint8Array, offset: number, kind: number): void {
  const half = (kind & Kind.KEY_SIZE_256) !== 0 ? 32 : 16;
  const key = offset + INIT_ATTR.key;
  if (!equalBytes(struct.subarray(key, key + half), struct.subarray(key + half, key + 2 * half))) return;
  throw new DekError('EQUAL_KEYS', 'key1 and key2 are equal', {
    hint: 'AES-XTS needs two different keys (FIPS 140-3 IG C.I)',
  });
}

/**
 * What the structure names as login: its object for a wrapped key; nothing, so that comp_mask stays 0, in the session
 * API; 0, NULL, says that the key is plaintext, so that a wrapped key without a login is not sent at all.
 */
function loginNamedBy(context: Context, kind: number): bigint | undefined {
  if (!isWrapped(kind)) {
    assertPlaintext(context);
    return 0n;
  }
  const {info, caps, login} = context;
  if (caps.importMode === 'plaintext') {
    throw new DekError('UNSUPPORTED', `${info.name} takes plaintext DEKs only (plaintext import mode)`);
  }
  if (login === undefined) {
    throw new DekError('NO_LOGIN', `${info.name} is not logged in`, {
      hint: 'A wrapped DEK is created under a login: log in first',
    });
  }
  return Login.objectOf(login) ?? undefined;
}

function assertPlaintext({info, caps, lib}: Context): void {
  if (caps.importMode === 'wrapped') {
    throw new DekError('UNSUPPORTED', `${info.name} takes wrapped DEKs only (wrapped import mode)`, {
      hint: 'wrap the key with the import KEK first: dek wrap',
    });
  }
  if (lib.loginObjects === undefined) throw new DekError('UNSUPPORTED', 'plaintext DEKs need rdma-core 42 or later');
}
