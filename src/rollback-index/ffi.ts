/**
 * The TPM by the TPM2 Software Stack (libtss2-esys, libtss2-tctildr), which systemd uses too: no program to find and no
 * output to parse, as with tpm2-tools, and no bytes of TPM commands of our own. Each call runs on a thread of Koffi's;
 * what it is given is kept until it returns.
 *
 * A password session is all that is used, so that nothing is loaded into the TPM that somebody would have to flush.
 */
import {DekError} from '../errors.js';
import {loadKoffi} from '../koffi.js';

/** A context of libtss2-esys, and one of its transport. */
type Pointer = unknown;
type Callback<T> = (error: Error | null, result: T) => void;
type Async<A extends unknown[]> = {async: (...args: [...A, Callback<number>]) => void};

/** enum of tss2_esys.h. */
const ESYS_TR = {NONE: 0xfff, PASSWORD: 0x0ff, RH_OWNER: 0x101} as const;
const SESSIONS = [ESYS_TR.NONE, ESYS_TR.NONE, ESYS_TR.NONE] as const;
const PASSWORD = [ESYS_TR.PASSWORD, ESYS_TR.NONE, ESYS_TR.NONE] as const;
type Sessions = [number, number, number];

/** TPM2B_MAX_NV_BUFFER: UINT16 size, BYTE buffer[2048]. */
const MAX_NV_BUFFER_BYTES = 2050;
/** TPM2B_AUTH: UINT16 size, BYTE buffer[64]. */
const AUTH_BYTES = 66;
/**
 * TPM2B_NV_PUBLIC: UINT16 size at 0, UINT32 nvIndex 4, UINT16 nameAlg 8, UINT32 attributes 12, TPM2B_DIGEST authPolicy
 * 16 (UINT16 size, BYTE buffer[64]), UINT16 dataSize 82.
 */
const NV_PUBLIC_BYTES = 84;
const NV_PUBLIC = {nvIndex: 4, nameAlg: 8, attributes: 12, dataSize: 82} as const;
const TPM2_ALG_SHA256 = 0x000b;

interface Library {
  Tss2_TctiLdr_Initialize: Async<[string, Pointer[]]>;
  Tss2_TctiLdr_Finalize: Async<[Pointer[]]>;
  Esys_Initialize: Async<[Pointer[], Pointer, null]>;
  Esys_Finalize: Async<[Pointer[]]>;
  Esys_TR_FromTPMPublic: Async<[Pointer, number, ...Sessions, number[]]>;
  Esys_NV_ReadPublic: Async<[Pointer, number, ...Sessions, Pointer[], null]>;
  Esys_NV_Read: Async<[Pointer, number, number, ...Sessions, number, number, Pointer[]]>;
  Esys_NV_Write: Async<[Pointer, number, number, ...Sessions, Uint8Array, number]>;
  Esys_NV_DefineSpace: Async<[Pointer, number, ...Sessions, Uint8Array, Uint8Array, number[]]>;
  Esys_Free(pointer: Pointer): void;
}

let library: Library | undefined;

/** What a TPM says of an index. */
export interface NvPublic {
  /** TPMA_NV. */
  readonly attributes: number;
  readonly dataBytes: number;
}

/** A call that the TPM, or the way to it, refused. */
export class TpmRefusal extends Error {
  /** The C function. */
  readonly call: string;
  /** TSS2_RC. */
  readonly code: number;

  constructor(call: string, code: number) {
    super(`${call}: 0x${code.toString(16)}`);
    this.call = call;
    this.code = code;
  }
}

/** A TPM, from `open` to `close`; one call after the other. Every call throws TpmRefusal. */
export class Tpm {
  readonly #tcti: Pointer[] = [null];
  readonly #esys: Pointer[] = [null];

  private constructor() {}

  /** `tcti` names the way, as `device:/dev/tpmrm0`. Throws NO_LIBRARY. */
  static async open(tcti: string): Promise<Tpm> {
    const {Tss2_TctiLdr_Initialize, Esys_Initialize} = load();
    const tpm = new Tpm();
    try {
      await call('Tss2_TctiLdr_Initialize', Tss2_TctiLdr_Initialize, tcti, tpm.#tcti);
      await call('Esys_Initialize', Esys_Initialize, tpm.#esys, tpm.#tcti[0], null);
      return tpm;
    } catch (error) {
      await tpm.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const {Tss2_TctiLdr_Finalize, Esys_Finalize} = load();
    if (this.#esys[0] !== null) await finished(Esys_Finalize, this.#esys);
    if (this.#tcti[0] !== null) await finished(Tss2_TctiLdr_Finalize, this.#tcti);
  }

  /** The handle of libtss2 for an NV index that is there. */
  async handleOf(nvIndex: number): Promise<number> {
    const handle = [0];
    await call('Esys_TR_FromTPMPublic', load().Esys_TR_FromTPMPublic, this.#esys[0], nvIndex, ...SESSIONS, handle);
    return handle[0]!;
  }

  async nvPublic(handle: number): Promise<NvPublic> {
    const {Esys_NV_ReadPublic, Esys_Free} = load();
    const found: Pointer[] = [null];
    await call('Esys_NV_ReadPublic', Esys_NV_ReadPublic, this.#esys[0], handle, ...SESSIONS, found, null);
    const view = new DataView(copyOf(found[0], NV_PUBLIC_BYTES).buffer);
    Esys_Free(found[0]);
    return {
      attributes: view.getUint32(NV_PUBLIC.attributes, true),
      dataBytes: view.getUint16(NV_PUBLIC.dataSize, true),
    };
  }

  /** `bytes` bytes of an index, by its own authorization value, which is empty. */
  async nvRead(handle: number, bytes: number): Promise<Uint8Array> {
    const {Esys_NV_Read, Esys_Free} = load();
    const found: Pointer[] = [null];
    await call('Esys_NV_Read', Esys_NV_Read, this.#esys[0], handle, handle, ...PASSWORD, bytes, 0, found);
    const buffer = copyOf(found[0], MAX_NV_BUFFER_BYTES);
    Esys_Free(found[0]);
    return buffer.slice(2, 2 + new DataView(buffer.buffer).getUint16(0, true));
  }

  /** In one command, which the TPM does whole or not at all. */
  async nvWrite(handle: number, bytes: Uint8Array): Promise<void> {
    const data = new Uint8Array(MAX_NV_BUFFER_BYTES);
    new DataView(data.buffer).setUint16(0, bytes.length, true);
    data.set(bytes, 2);
    await call('Esys_NV_Write', load().Esys_NV_Write, this.#esys[0], handle, handle, ...PASSWORD, data, 0);
  }

  /** Makes an index with an empty authorization value, by that of the owner, if it is empty too. */
  async nvDefine(nvIndex: number, dataBytes: number, attributes: number): Promise<void> {
    const info = new Uint8Array(NV_PUBLIC_BYTES);
    const view = new DataView(info.buffer);
    view.setUint32(NV_PUBLIC.nvIndex, nvIndex, true);
    view.setUint16(NV_PUBLIC.nameAlg, TPM2_ALG_SHA256, true);
    view.setUint32(NV_PUBLIC.attributes, attributes, true);
    view.setUint16(NV_PUBLIC.dataSize, dataBytes, true);
    const define = load().Esys_NV_DefineSpace;
    const auth = new Uint8Array(AUTH_BYTES);
    await call('Esys_NV_DefineSpace', define, this.#esys[0], ESYS_TR.RH_OWNER, ...PASSWORD, auth, info, [0]);
  }
}

/** Throws TpmRefusal unless it returns 0. */
async function call<A extends unknown[]>(name: string, fn: Async<A>, ...args: A): Promise<void> {
  const code = (await finished(fn, ...args)) >>> 0;
  if (code !== 0) throw new TpmRefusal(name, code);
}

function finished<A extends unknown[]>(fn: Async<A>, ...args: A): Promise<number> {
  return new Promise((resolve, reject) => {
    fn.async(...args, (error, result) => (error ? reject(error) : resolve(result)));
  });
}

function copyOf(pointer: Pointer, bytes: number): Uint8Array {
  const koffi = loadKoffi();
  return Uint8Array.from(koffi.decode(pointer, koffi.array('uint8_t', bytes)) as Uint8Array);
}

function load(): Library {
  library ??= loadLibrary();
  return library;
}

function loadLibrary(): Library {
  // What is told here in one sentence the library would write to standard error in five lines of its own.
  process.env['TSS2_LOG'] ??= 'all+NONE';
  try {
    const koffi = loadKoffi();
    const [esys, tcti] = [koffi.load('libtss2-esys.so.0'), koffi.load('libtss2-tctildr.so.0')];
    const sessions = 'uint32_t s1, uint32_t s2, uint32_t s3';
    return {
      Tss2_TctiLdr_Initialize: tcti.func('uint32_t Tss2_TctiLdr_Initialize(const char *name, _Out_ void **tcti)'),
      Tss2_TctiLdr_Finalize: tcti.func('void Tss2_TctiLdr_Finalize(_Inout_ void **tcti)'),
      Esys_Initialize: esys.func('uint32_t Esys_Initialize(_Out_ void **esys, void *tcti, void *abi)'),
      Esys_Finalize: esys.func('void Esys_Finalize(_Inout_ void **esys)'),
      Esys_TR_FromTPMPublic: esys.func(
        `uint32_t Esys_TR_FromTPMPublic(void *esys, uint32_t handle, ${sessions}, _Out_ uint32_t *object)`,
      ),
      Esys_NV_ReadPublic: esys.func(
        `uint32_t Esys_NV_ReadPublic(void *esys, uint32_t index, ${sessions}, _Out_ void **info, void *name)`,
      ),
      Esys_NV_Read: esys.func(
        `uint32_t Esys_NV_Read(void *esys, uint32_t auth, uint32_t index, ${sessions}, uint16_t size, ` +
          'uint16_t offset, _Out_ void **data)',
      ),
      Esys_NV_Write: esys.func(
        `uint32_t Esys_NV_Write(void *esys, uint32_t auth, uint32_t index, ${sessions}, void *data, uint16_t offset)`,
      ),
      Esys_NV_DefineSpace: esys.func(
        `uint32_t Esys_NV_DefineSpace(void *esys, uint32_t auth, ${sessions}, void *value, void *info, ` +
          '_Out_ uint32_t *index)',
      ),
      Esys_Free: esys.func('void Esys_Free(void *pointer)'),
    } as unknown as Library;
  } catch (cause) {
    if (cause instanceof DekError) throw cause;
    throw new DekError('NO_LIBRARY', 'libtss2-esys.so.0 or libtss2-tctildr.so.0 cannot be loaded', {
      hint: 'apt install libtss2-esys-3.0.2-0 libtss2-tctildr0 libtss2-tcti-device0, or tpm2-tools, which needs them',
      cause,
    });
  }
}
