/** The commands of these experiments, as ../../rdma/refusal/mailbox.ts makes them, changed in one place each. */
import {secretBytes} from '../../bytes.js';
import type {LoginOptions} from '../../dek-layout.js';
import type {ManifestEntry} from '../../manifest/index.js';
import {C, MLX5DV_DEK_INIT_ATTR as INIT_ATTR} from '../../rdma/c-layout.js';
import {Device} from '../../rdma/device.js';
import {pdNumber} from '../../rdma/pd.js';
import {dekMailbox, loginMailbox} from '../../rdma/refusal/mailbox.js';

/** Where the key and the number of the PD begin in the command of a DEK, and a byte that has no name. */
const KEY = 80;
const PD = 28;
const RESERVED = 20;

/** A login with these. */
export function loginCommand(login: LoginOptions): () => Uint8Array {
  return () => loginMailbox(login);
}

/** A DEK of this wrapped key; what `change` does to the command. */
export function dekCommand(
  nic: Device,
  {wrapped, keySize, keytag}: Pick<ManifestEntry, 'wrapped' | 'keySize' | 'keytag'>,
  change: (command: Uint8Array) => void = () => {},
): () => Uint8Array {
  return () => {
    const attr = secretBytes(INIT_ATTR.size);
    const view = new DataView(attr.buffer, attr.byteOffset);
    view.setUint32(INIT_ATTR.key_size, keySize === 256 ? C.MLX5DV_CRYPTO_KEY_SIZE_256 : 0, true);
    view.setUint8(INIT_ATTR.has_keytag, Number(keytag));
    attr.set(wrapped, INIT_ATTR.key);
    const command = dekMailbox(attr, Device.contextOf(nic).pdn);
    change(command);
    return command;
  };
}

/** Sets a bit that the command has no name for. */
export function setReserved(command: Uint8Array): void {
  command[RESERVED] = 1;
}

/** Sets a byte behind a wrapped key of so many bytes. */
export function setBehind(wrappedBytes: number): (command: Uint8Array) => void {
  return (command) => {
    command[KEY + wrappedBytes] = 0xa5;
  };
}

/** Whether a PD goes while a DEK of it lives: both are made here, and are gone after. */
export function pdGoes(nic: Device, entry: ManifestEntry): boolean | undefined {
  const {lib, ptr} = Device.contextOf(nic);
  const pd = lib.ibv_alloc_pd(ptr);
  if (pd === null) return undefined;
  const pdn = pdNumber(lib, pd);
  const command = dekCommand(nic, entry, (bytes) => new DataView(bytes.buffer, bytes.byteOffset).setUint32(PD, pdn))();
  const out = new Uint8Array(new ArrayBuffer(16));
  const object = lib.mlx5dv_devx_obj_create(ptr, command, command.length, out, out.length);
  command.fill(0);
  if (object === null) {
    lib.ibv_dealloc_pd(pd);
    return undefined;
  }
  const goes = lib.ibv_dealloc_pd(pd) === 0;
  lib.mlx5dv_devx_obj_destroy(object);
  if (!goes) lib.ibv_dealloc_pd(pd);
  return goes;
}
