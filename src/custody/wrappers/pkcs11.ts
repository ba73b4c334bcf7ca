/** An import KEK in a PKCS #11 token: the token wraps and unwraps, and the KEK never leaves it. */
import {fromHex, secretBytes, viewOf, wipe} from '../../bytes.js';
import {wrappedBytes} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import {argumentsOf, jsonBytes, type Open, parseJson, type RequestName} from '../../pkcs11/messages.js';
import type {KeyInfo, TokenInfo} from '../../pkcs11/session.js';
import {TokenProcess} from '../../pkcs11/token-process.js';
import {type KeyQuery, type Pkcs11Uri, parsePkcs11Uri} from '../../pkcs11/uri.js';
import {type KekHandle, rewrapHere} from '../../wrap/kek-handle.js';
import {unwrapFailed} from '../../wrap/kw.js';
import type {OpenOptions} from './wrapper.js';

/** Keys in one request: few enough for a slow token to answer in time; in lanes all take the time of one. */
const KEYS_A_REQUEST = 32;
const KEYS_IN_LANES = 4096;
const MAX_PIN_BYTES = 256;
const CMAC_BYTES = 16;
const LINE_FEED = 0x0a;

/** Opens `pkcs11:rest`. Throws BAD_ARGUMENT for what is no such URI; NO_INPUT, PERMISSION, IO of the token. */
export async function openKek(rest: string, options: OpenOptions): Promise<KekHandle> {
  const {title, kcv, limit} = options;
  const uri = parsePkcs11Uri(rest, title);
  const process = new TokenProcess(uri.modulePath, limit?.timeoutMs);
  try {
    const open: Open = {modulePath: uri.modulePath, token: uri.token};
    const token = parseJson<TokenInfo>(await process.request('open', jsonBytes(open)));
    if (uri.pinSource !== undefined) await login(process, uri.pinSource, options);
    else if (token.needsLogin) throw needsPin(title, token);
    const key = parseJson<KeyInfo>(await process.request('find', jsonBytes(uri.key)));
    if (uri.isInLanes && !(key.mayEncrypt && key.mayDecrypt)) throw noLanes(title);
    return new Pkcs11Kek(process, uri, token, key, {title, kcv});
  } catch (error) {
    await process.close();
    throw error;
  }
}

async function login(process: TokenProcess, source: string, {title, readSecret}: OpenOptions): Promise<void> {
  const text = await readSecret(source, MAX_PIN_BYTES, `${title} pin`);
  try {
    // Of the line that an editor makes of it, the PIN is without its end.
    await process.request('login', text.at(-1) === LINE_FEED ? text.subarray(0, -1) : text);
  } finally {
    wipe(text);
  }
}

class Pkcs11Kek implements KekHandle {
  readonly name: string;
  readonly kekBytes: number;
  readonly kcv: Uint8Array | undefined;
  readonly secret = undefined;
  readonly #process: TokenProcess;
  readonly #uri: Pkcs11Uri;
  readonly #token: TokenInfo;
  readonly #key: KeyInfo;
  /** Other keys of the token by their query: their numbers in the process. */
  readonly #others = new Map<string, number>();

  constructor(
    process: TokenProcess,
    uri: Pkcs11Uri,
    token: TokenInfo,
    key: KeyInfo,
    {title, kcv}: {title: string; kcv: Uint8Array | undefined},
  ) {
    this.#process = process;
    this.#uri = uri;
    this.#token = token;
    this.#key = key;
    this.name = `"${title}" key "${key.label}" in the token "${token.label}"`;
    this.kekBytes = key.bytes;
    this.kcv = key.kcv === null ? kcv : fromHex(key.kcv, 'kcv');
  }

  async wrap(plaintexts: Uint8Array, plaintextBytes: number): Promise<Uint8Array> {
    if (!this.#key.mayWrap && !this.#uri.isInLanes) throw this.#forbids('wrap', 'CKA_WRAP');
    const wrapped = new Uint8Array((plaintexts.length / plaintextBytes) * wrappedBytes(plaintextBytes));
    for (const [from, count] of this.#pieces(plaintexts.length / plaintextBytes)) {
      const keys = plaintexts.subarray(from * plaintextBytes, (from + count) * plaintextBytes);
      const answer = await this.#ask('wrap', this.#uri.isInLanes ? 1 : 0, plaintextBytes, keys);
      put(wrapped, answer, from, wrappedBytes(plaintextBytes), count);
    }
    return wrapped;
  }

  async unwrap(wrapped: Uint8Array, plaintextBytes: number, failed?: number[]): Promise<Uint8Array> {
    if (!this.#key.mayUnwrap && !this.#uri.isInLanes) throw this.#forbids('unwrap', 'CKA_UNWRAP');
    const keys = secretBytes((wrapped.length / wrappedBytes(plaintextBytes)) * plaintextBytes);
    return this.#open('unwrap', this.#uri.isInLanes ? 1 : 0, wrapped, plaintextBytes, keys, failed);
  }

  staysWithin(to: KekHandle): boolean {
    return to instanceof Pkcs11Kek && this.#isSameToken(to) && !this.#uri.isInLanes;
  }

  /** To another key of the same token nothing but wrapped keys leave it. */
  async rewrap(to: KekHandle, wrapped: Uint8Array, plaintextBytes: number, failed?: number[]): Promise<Uint8Array> {
    if (!this.staysWithin(to)) return rewrapHere(this, to, wrapped, plaintextBytes, failed);
    const target = to as Pkcs11Kek;
    if (!this.#key.mayUnwrap) throw this.#forbids('unwrap', 'CKA_UNWRAP');
    if (!target.#key.mayWrap) throw target.#forbids('wrap', 'CKA_WRAP');
    const number = await this.#numberOf(target.#uri.key);
    return this.#open('rewrap', number, wrapped, plaintextBytes, new Uint8Array(wrapped.length), failed);
  }

  async generate(count: number, plaintextBytes: number): Promise<Uint8Array> {
    if (!this.#key.mayWrap) throw this.#forbids('wrap', 'CKA_WRAP');
    const wrapped = new Uint8Array(count * wrappedBytes(plaintextBytes));
    for (const [from, some] of pieces(count, KEYS_A_REQUEST)) {
      put(wrapped, await this.#ask('generate', some, plaintextBytes), from, wrappedBytes(plaintextBytes), some);
    }
    return wrapped;
  }

  async cmac(message: Uint8Array): Promise<Uint8Array> {
    const tag = await this.#ask('cmac', 0, 0, message);
    if (tag.length === CMAC_BYTES) return tag;
    throw new DekError('IO', 'the token answered with a CMAC of another length');
  }

  /** Ends the token's process: a session ends with it. */
  close(): Promise<void> {
    return this.#process.close();
  }

  /** Unwraps or re-wraps into `keys`. */
  async #open(
    request: 'unwrap' | 'rewrap',
    second: number,
    wrapped: Uint8Array,
    plaintextBytes: number,
    keys: Uint8Array,
    failed: number[] | undefined,
  ): Promise<Uint8Array> {
    const eachBytes = wrappedBytes(plaintextBytes);
    const outBytes = request === 'unwrap' ? plaintextBytes : eachBytes;
    try {
      for (const [from, count] of this.#pieces(wrapped.length / eachBytes)) {
        const some = wrapped.subarray(from * eachBytes, (from + count) * eachBytes);
        const answer = await this.#ask(request, second, plaintextBytes, some);
        let positions: number[];
        try {
          positions = failuresIn(answer, count);
          put(keys, answer.subarray(4 * (positions.length + 1)), from, outBytes, count);
        } finally {
          wipe(answer);
        }
        if (positions.length > 0 && !failed) throw unwrapFailed();
        for (const position of positions) failed?.push(from + position);
      }
      return keys;
    } catch (error) {
      wipe(keys);
      throw error;
    }
  }

  #ask(name: RequestName, second: number, plaintextBytes: number, ...bytes: Uint8Array[]): Promise<Uint8Array> {
    return this.#process.request(name, argumentsOf({first: 0, second, plaintextBytes}), ...bytes);
  }

  #pieces(count: number): Iterable<readonly [from: number, count: number]> {
    return pieces(count, this.#uri.isInLanes ? KEYS_IN_LANES : KEYS_A_REQUEST);
  }

  #isSameToken(other: Pkcs11Kek): boolean {
    const [one, two] = [this.#token, other.#token];
    return other.#uri.modulePath === this.#uri.modulePath && one.serial === two.serial && one.label === two.label;
  }

  /** The number of another key of this token in our process, where it is looked for once. */
  async #numberOf(query: KeyQuery): Promise<number> {
    const text = JSON.stringify(query);
    const known = this.#others.get(text);
    if (known !== undefined) return known;
    await this.#process.request('find', jsonBytes(query));
    this.#others.set(text, this.#others.size + 1);
    return this.#others.size;
  }

  #forbids(what: string, attribute: string): DekError<'UNSUPPORTED'> {
    return new DekError('UNSUPPORTED', `${this.name} may not ${what}`, {
      hint: `the policy of the key in the token (${attribute}) says so: whoever made the key set it`,
    });
  }
}

/** Puts the answer for `count` keys where they belong. Throws IO when it has another length: the module is not ours. */
function put(keys: Uint8Array, answer: Uint8Array, from: number, eachBytes: number, count: number): void {
  if (answer.length !== count * eachBytes) throw new DekError('IO', 'the token answered with another number of keys');
  keys.set(answer, from * eachBytes);
}

function failuresIn(answer: Uint8Array, count: number): number[] {
  const view = viewOf(answer);
  const failures = answer.length >= 4 ? view.getUint32(0, true) : count + 1;
  const isWhole = failures <= count && answer.length >= 4 * (failures + 1);
  const positions = isWhole ? Array.from({length: failures}, (_, i) => view.getUint32(4 * (i + 1), true)) : [count];
  if (positions.every((position) => position < count)) return positions;
  throw new DekError('IO', 'the token answered something else');
}

function* pieces(count: number, most: number): Generator<readonly [from: number, count: number]> {
  for (let from = 0; from < count; from += most) yield [from, Math.min(most, count - from)];
}

function needsPin(title: string, {label}: TokenInfo): DekError<'NO_LOGIN'> {
  return new DekError('NO_LOGIN', `"${title}": the token "${label}" needs a PIN`, {
    hint: 'name its source in the URI: ?pin-source=file:PATH, cred:NAME or another',
  });
}

function noLanes(title: string): DekError<'UNSUPPORTED'> {
  return new DekError('UNSUPPORTED', `"${title}": the key or its token does not allow AES-ECB, which x-lanes needs`, {
    hint: 'leave x-lanes out: keys are wrapped by CKM_AES_KEY_WRAP, one by one',
  });
}
