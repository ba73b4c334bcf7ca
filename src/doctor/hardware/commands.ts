/** The commands of these experiments, as ../../rdma/refusal/mailbox.ts makes them, changed in one place each. */
import {secretBytes, wipe} from '../../bytes.js';
import type {LoginOptions} from '../../dek-layout.js';
import {C, MLX5DV_DEK_INIT_ATTR as INIT_ATTR} from '../../rdma/c-layout.js';
import {Device} from '../../rdma/device.js';
import type {CreateDekOptions} from '../../rdma/index.js';
import {pdNumber} from '../../rdma/pd.js';
import {dekMailbox, loginMailbox} from '../../rdma/refusal/mailbox.js';

/** Where the key and the number of the PD begin in the command of a DEK, and a byte that has no name. */
const KEY = 80;
const PD = 28;
const RESERVED = 20;
/** Where the answer has the id of the object. */
const OBJ_ID = 8;

/** A login with these. */
export function loginCommand(login: LoginOptions): () => Uint8Array {
  return () => loginMailbox(login);
}

/** A DEK of this key; what `change` does to the command. */
export function dekCommand(
  nic: Device,
  {wrapped, plaintext, keySize, keytag}: CreateDekOptions,
  change: (command: Uint8Array) => void = () => {},
): () => Uint8Array {
  return () => {
    const attr = secretBytes(INIT_ATTR.size);
    const view = new DataView(attr.buffer, attr.byteOffset);
    view.setUint32(INIT_ATTR.key_size, keySize === 256 ? C.MLX5DV_CRYPTO_KEY_SIZE_256 : 0, true);
    view.setUint8(INIT_ATTR.has_keytag, Number(keytag));
    attr.set((wrapped ?? plaintext)!, INIT_ATTR.key);
    const command = dekMailbox(attr, Device.contextOf(nic).pdn);
    wipe(attr);
    change(command);
    return command;
  };
}

/** Sets a bit that the command has no name for. */
export function setReserved(command: Uint8Array): void {
  command[RESERVED] = 1;
}

/** Sets a byte behind a key of so many bytes. */
export function setBehind(keyBytes: number): (command: Uint8Array) => void {
  return (command) => {
    command[KEY + keyBytes] = 0xa5;
  };
}

/** Whether a PD goes while a DEK of it lives: both are made here, and are gone after. Undefined: no DEK was made. */
export function pdGoes(nic: Device, dek: CreateDekOptions): boolean | undefined {
  const {lib, ptr} = Device.contextOf(nic);
  const pd = lib.ibv_alloc_pd(ptr);
  if (pd === null) return undefined;
  const pdn = pdNumber(lib, pd);
  const command = dekCommand(nic, dek, (bytes) => new DataView(bytes.buffer, bytes.byteOffset).setUint32(PD, pdn))();
  const out = new Uint8Array(new ArrayBuffer(16));
  const object = lib.mlx5dv_devx_obj_create(ptr, command, command.length, out, out.length);
  wipe(command);
  if (object === null) {
    lib.ibv_dealloc_pd(pd);
    return undefined;
  }
  const goes = lib.ibv_dealloc_pd(pd) === 0;
  lib.mlx5dv_devx_obj_destroy(object);
  if (!goes) lib.ibv_dealloc_pd(pd);
  return goes;
}

/** The id that the NIC gives a DEK, which is destroyed at once. Undefined: none was made. */
export function idOf(nic: Device, dek: CreateDekOptions): number | undefined {
  const {lib, ptr} = Device.contextOf(nic);
  const command = dekCommand(nic, dek)();
  const out = new Uint8Array(new ArrayBuffer(16));
  const object = lib.mlx5dv_devx_obj_create(ptr, command, command.length, out, out.length);
  wipe(command);
  if (object === null) return undefined;
  lib.mlx5dv_devx_obj_destroy(object);
  return new DataView(out.buffer).getUint32(OBJ_ID);
}
