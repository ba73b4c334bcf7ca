/**
 * Keys that an ssh-agent has, in memory or in hardware, by its protocol (draft-ietf-sshm-ssh-agent): what it has, and a
 * signature by one of them. A message is a uint32 of its length, a byte that says what it is, and its content.
 */
import {connect, type Socket} from 'node:net';
import {DekError} from '../../errors.js';
import {systemError} from '../../files/system-error.js';
import {fingerprintOf, type PublicKey, parsePublicKey} from './public-key.js';
import type {KeyThatSigns} from './sign.js';
import {WireReader, wireString} from './wire.js';

const REQUEST_IDENTITIES = 11;
const IDENTITIES_ANSWER = 12;
const SIGN_REQUEST = 13;
const SIGN_RESPONSE = 14;
/** Of a SIGN_REQUEST: RSA with SHA-512. */
const RSA_SHA2_512 = 4;
/** Of a message, as OpenSSH has it. */
const MAX_BYTES = 2 ** 18;
const ASK_TIMEOUT_MS = 10_000;
/** A person may have to touch the key, or to type its PIN. */
const SIGN_TIMEOUT_MS = 120_000;

/** A key of the agent, and what its owner calls it. */
export interface AgentKey extends KeyThatSigns {
  readonly comment: string;
}

/** The keys that can sign for us. Throws NO_INPUT without an agent, IO when it does not answer. */
export async function agentKeys(path: string): Promise<AgentKey[]> {
  const answer = await ask(path, Buffer.from([REQUEST_IDENTITIES]), ASK_TIMEOUT_MS);
  const reader = new WireReader(answer, 'the answer of ssh-agent');
  if (reader.byte() !== IDENTITIES_ANSWER) throw reader.fault('is no list of keys');
  const keys: AgentKey[] = [];
  for (let left = reader.uint32(); left > 0; left--) {
    const blob = reader.string();
    const comment = Buffer.from(reader.string()).toString('latin1');
    const publicKey = knownKey(blob);
    if (publicKey) keys.push({publicKey, comment, sign: (bytes) => signWith(path, publicKey, bytes)});
  }
  return keys;
}

/** Undefined for one that cannot sign for us, such as a certificate. */
function knownKey(blob: Uint8Array): PublicKey | undefined {
  try {
    return parsePublicKey(blob, fingerprintOf(blob));
  } catch (error) {
    if (error instanceof DekError && error.code === 'BAD_INPUT') return undefined;
    throw error;
  }
}

async function signWith(
  path: string,
  {blob, algorithm, fingerprint}: PublicKey,
  bytes: Uint8Array,
): Promise<Uint8Array> {
  const flags = Buffer.from([0, 0, 0, algorithm === 'rsa' ? RSA_SHA2_512 : 0]);
  const request = Buffer.concat([Buffer.from([SIGN_REQUEST]), wireString(blob), wireString(bytes), flags]);
  const reader = new WireReader(await ask(path, request, SIGN_TIMEOUT_MS), 'the answer of ssh-agent');
  if (reader.byte() !== SIGN_RESPONSE) {
    throw new DekError('IO', `ssh-agent did not sign with ${fingerprint}`, {
      hint: 'it was not confirmed, or the hardware that holds the key is not there: try again',
    });
  }
  const signature = new Uint8Array(reader.string());
  reader.end();
  return signature;
}

/** Sends one request, and resolves to the content of the answer. */
function ask(path: string, request: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(path);
    const end = (result: () => void): void => {
      clearTimeout(timer);
      socket.destroy();
      result();
    };
    const fail = (text: string): void => end(() => reject(new DekError('IO', `ssh-agent ${text}`)));
    const timer = setTimeout(() => fail(`gave nothing for ${timeoutMs / 1000} s`), timeoutMs);
    let answer = Buffer.alloc(0);
    socket.on('error', (error) => end(() => reject(unreachable(path, error))));
    socket.on('end', () => fail('broke off'));
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length < 4) return;
      const length = answer.readUInt32BE();
      if (length === 0 || length > MAX_BYTES) fail('gave an answer of a wrong length');
      else if (answer.length >= 4 + length) end(() => resolve(answer.subarray(4, 4 + length)));
    });
    socket.write(wireString(request));
  });
}

function unreachable(path: string, error: Error): DekError {
  const hint = 'start one with eval $(ssh-agent), and ssh-add the key; $SSH_AUTH_SOCK names its socket';
  if ((error as {code?: string}).code === 'ECONNREFUSED') {
    return new DekError('NO_INPUT', `nobody listens at ${path}`, {hint, cause: error});
  }
  return systemError('read', path, error, {hint});
}
