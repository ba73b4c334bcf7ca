/**
 * The data path of libibverbs and libmlx5 through Koffi, for proofs alone: the functions by their C names, as ../ffi.ts
 * has those of the control path. What the headers call inline through a pointer in a public struct is called through
 * that pointer. Loaded when the first proof is asked for.
 */
import type {TypeObject} from 'koffi';
import {DekError} from '../../errors.js';
import {loadKoffi} from '../../koffi.js';
import {type ContextPtr, library, type PdPtr, type Ptr} from '../ffi.js';
import {IBV_CONTEXT, IBV_MR, IBV_QP, IBV_QP_EX, MLX5DV_MKEY, MLX5DV_QP_EX} from './c-layout.js';

export type CqPtr = Ptr<'ibv_cq'>;
export type MrPtr = Ptr<'ibv_mr'>;
export type QpPtr = Ptr<'ibv_qp'>;
export type MkeyPtr = Ptr<'mlx5dv_mkey'>;
type QpExPtr = Ptr<'ibv_qp_ex'>;
type DvQpExPtr = Ptr<'mlx5dv_qp_ex'>;

/**
 * Those that return a pointer return null on an error and leave the reason in errno; those that return a number return
 * 0 or a positive errno.
 */
export interface DataPath {
  /**
   * struct ibv_cq *ibv_create_cq(struct ibv_context *, int cqe, void *cq_context, struct ibv_comp_channel *, int
   * vector)
   */
  ibv_create_cq(context: ContextPtr, cqe: number, cqContext: null, channel: null, vector: 0): CqPtr | null;
  /** int ibv_destroy_cq(struct ibv_cq *cq) */
  ibv_destroy_cq(cq: CqPtr): number;
  /** struct ibv_mr *ibv_reg_mr(struct ibv_pd *pd, void *addr, size_t length, int access) */
  ibv_reg_mr(pd: PdPtr, addr: Uint8Array, length: number, access: number): MrPtr | null;
  /** int ibv_dereg_mr(struct ibv_mr *mr) */
  ibv_dereg_mr(mr: MrPtr): number;
  /** int ibv_query_port(struct ibv_context *context, uint8_t port_num, struct ibv_port_attr *port_attr) */
  ibv_query_port(context: ContextPtr, port: number, attr: Uint8Array): number;
  /** int ibv_query_gid(struct ibv_context *context, uint8_t port_num, int index, union ibv_gid *gid): 0 or -1 */
  ibv_query_gid(context: ContextPtr, port: number, index: number, gid: Uint8Array): number;
  /** int ibv_modify_qp(struct ibv_qp *qp, struct ibv_qp_attr *attr, int attr_mask) */
  ibv_modify_qp(qp: QpPtr, attr: Uint8Array, mask: number): number;
  /** int ibv_destroy_qp(struct ibv_qp *qp) */
  ibv_destroy_qp(qp: QpPtr): number;
  /**
   * struct ibv_qp *mlx5dv_create_qp(struct ibv_context *, struct ibv_qp_init_attr_ex *, struct mlx5dv_qp_init_attr *)
   */
  mlx5dv_create_qp(context: ContextPtr, attr: Uint8Array, driver: Uint8Array): QpPtr | null;
  /** int mlx5dv_devx_qp_modify(struct ibv_qp *qp, const void *in, size_t inlen, void *out, size_t outlen) */
  mlx5dv_devx_qp_modify(qp: QpPtr, in_: Uint8Array, inlen: number, out: Uint8Array, outlen: number): number;
  /** struct mlx5dv_mkey *mlx5dv_create_mkey(struct mlx5dv_mkey_init_attr *mkey_init_attr) */
  mlx5dv_create_mkey(attr: Uint8Array): MkeyPtr | null;
  /** int mlx5dv_destroy_mkey(struct mlx5dv_mkey *mkey) */
  mlx5dv_destroy_mkey(mkey: MkeyPtr): number;

  /**
   * int ibv_poll_cq(struct ibv_cq *cq, int num_entries, struct ibv_wc *wc), of the CQs of this context: how many, or
   * negative
   */
  pollerOf(context: ContextPtr): (cq: CqPtr, entries: number, wc: Uint8Array) => number;
  /** The number of a QP; the keys of an MR, and of an MKey. */
  qpNumber(qp: QpPtr): number;
  mrKeys(mr: MrPtr): {lkey: number; rkey: number};
  mkeyKey(mkey: MkeyPtr): number;
  /**
   * ibv_wr_post(3) and mlx5dv_wr_post(3) for one QP, in the state in which it is: in another they are other functions.
   */
  workRequestsOf(qp: QpPtr): WorkRequestCalls;
}

/** `wr_start` takes a spin lock of libmlx5, which `wr_complete` (0 or an errno) and `wr_abort` give back. */
export interface WorkRequestCalls {
  /** Of the next work request. */
  setIdAndFlags(id: number, flags: number): void;
  wr_start(): void;
  wr_complete(): number;
  wr_abort(): void;
  wr_rdma_write(rkey: number, remoteAddress: bigint): void;
  wr_set_sge(lkey: number, address: bigint, length: number): void;
  wr_mkey_configure(mkey: MkeyPtr, setters: number, attr: Uint8Array): void;
  wr_set_mkey_access_flags(flags: number): void;
  wr_set_mkey_layout_list(entries: number, sge: Uint8Array): void;
  wr_set_mkey_crypto(attr: Uint8Array): void;
}

let loaded: DataPath | undefined;

/** Throws NO_LIBRARY, as `library`. */
export function dataPath(): DataPath {
  loaded ??= load();
  return loaded;
}

function load(): DataPath {
  library(); // pins both, and says what is missing
  const koffi = loadKoffi();
  const verbs = koffi.load('libibverbs.so.1');
  const mlx5 = koffi.load('libmlx5.so.1');
  const pointer = koffi.pointer(koffi.opaque());
  type Type = string | TypeObject;
  type Call = (...args: unknown[]) => never;

  const func = <F>(from: typeof verbs, result: Type, name: string, ...args: Type[]): F => {
    try {
      return from.func(name, result, args) as F;
    } catch (cause) {
      throw new DekError('NO_LIBRARY', `the installed rdma-core has no function ${name}`, {
        hint: 'rdma-core 37 or later is needed: update libibverbs1 and ibverbs-providers',
        cause,
      });
    }
  };
  const at = (base: bigint, offset: number, proto: TypeObject): Call =>
    koffi.decode(koffi.decode(base, offset, pointer), proto) as Call;
  const u32 = (base: bigint, offset: number): number => koffi.decode(base, offset, 'uint32_t') as number;

  const toQpEx = func<(qp: QpPtr) => QpExPtr>(verbs, pointer, 'ibv_qp_to_qp_ex', pointer);
  const toDvQpEx = func<(qp: QpExPtr) => DvQpExPtr>(mlx5, pointer, 'mlx5dv_qp_ex_from_ibv_qp_ex', pointer);
  const protos = {
    poll: koffi.proto('int', [pointer, 'int', pointer]),
    start: koffi.proto('void', [pointer]),
    complete: koffi.proto('int', [pointer]),
    write: koffi.proto('void', [pointer, 'uint32_t', 'uint64_t']),
    sge: koffi.proto('void', [pointer, 'uint32_t', 'uint64_t', 'uint32_t']),
    configure: koffi.proto('void', [pointer, pointer, 'uint8_t', pointer]),
    access: koffi.proto('void', [pointer, 'uint32_t']),
    list: koffi.proto('void', [pointer, 'uint16_t', pointer]),
    crypto: koffi.proto('void', [pointer, pointer]),
  };

  return {
    ibv_create_cq: func(verbs, pointer, 'ibv_create_cq', pointer, 'int', pointer, pointer, 'int'),
    ibv_destroy_cq: func(verbs, 'int', 'ibv_destroy_cq', pointer),
    ibv_reg_mr: func(verbs, pointer, 'ibv_reg_mr', pointer, pointer, 'size_t', 'int'),
    ibv_dereg_mr: func(verbs, 'int', 'ibv_dereg_mr', pointer),
    ibv_query_port: func(verbs, 'int', 'ibv_query_port', pointer, 'uint8_t', pointer),
    ibv_query_gid: func(verbs, 'int', 'ibv_query_gid', pointer, 'uint8_t', 'int', pointer),
    ibv_modify_qp: func(verbs, 'int', 'ibv_modify_qp', pointer, pointer, 'int'),
    ibv_destroy_qp: func(verbs, 'int', 'ibv_destroy_qp', pointer),
    mlx5dv_create_qp: func(mlx5, pointer, 'mlx5dv_create_qp', pointer, pointer, pointer),
    mlx5dv_devx_qp_modify: func(mlx5, 'int', 'mlx5dv_devx_qp_modify', pointer, pointer, 'size_t', pointer, 'size_t'),
    mlx5dv_create_mkey: func(mlx5, pointer, 'mlx5dv_create_mkey', pointer),
    mlx5dv_destroy_mkey: func(mlx5, 'int', 'mlx5dv_destroy_mkey', pointer),
    pollerOf: (context) => at(context, IBV_CONTEXT['ops.poll_cq'], protos.poll),
    qpNumber: (qp) => u32(qp, IBV_QP.qp_num),
    mrKeys: (mr) => ({lkey: u32(mr, IBV_MR.lkey), rkey: u32(mr, IBV_MR.rkey)}),
    mkeyKey: (mkey) => u32(mkey, MLX5DV_MKEY.lkey),
    workRequestsOf: (qp) => {
      const ex = toQpEx(qp);
      const dv = toDvQpEx(ex);
      const on = (base: bigint, offset: number, proto: TypeObject) => {
        const call = at(base, offset, proto);
        return (...args: unknown[]) => call(base, ...args);
      };
      return {
        setIdAndFlags: (id, flags) => {
          koffi.encode(ex, IBV_QP_EX.wr_id, 'uint64_t', id);
          koffi.encode(ex, IBV_QP_EX.wr_flags, 'uint32_t', flags);
        },
        wr_start: on(ex, IBV_QP_EX.wr_start, protos.start),
        wr_complete: on(ex, IBV_QP_EX.wr_complete, protos.complete),
        wr_abort: on(ex, IBV_QP_EX.wr_abort, protos.start),
        wr_rdma_write: on(ex, IBV_QP_EX.wr_rdma_write, protos.write),
        wr_set_sge: on(ex, IBV_QP_EX.wr_set_sge, protos.sge),
        wr_mkey_configure: on(dv, MLX5DV_QP_EX.wr_mkey_configure, protos.configure),
        wr_set_mkey_access_flags: on(dv, MLX5DV_QP_EX.wr_set_mkey_access_flags, protos.access),
        wr_set_mkey_layout_list: on(dv, MLX5DV_QP_EX.wr_set_mkey_layout_list, protos.list),
        wr_set_mkey_crypto: on(dv, MLX5DV_QP_EX.wr_set_mkey_crypto, protos.crypto),
      };
    },
  };
}
