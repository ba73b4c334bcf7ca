/** What went wrong between us and the store, by gRPC's status and etcd's words, and whether another try may do. */
import {DekError} from '../../errors.js';
import type {ServiceError} from './grpc.js';

/** Revisions before this one are gone: what was watched has to be read again. */
export class Compacted extends Error {}

/** gRPC's status codes. */
const CANCELLED = 1;
const UNKNOWN = 2;
const INVALID_ARGUMENT = 3;
const DEADLINE_EXCEEDED = 4;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const FAILED_PRECONDITION = 9;
const OUT_OF_RANGE = 11;
const INTERNAL = 13;
const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;

/** What a member that is lost, paused, cut off from the others or without a leader says, or does not say. */
const MAY_DO_ELSEWHERE: ReadonlySet<number> = new Set([CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE]);

/** Whether the same question may be put to another member. */
export function mayDoElsewhere(error: unknown): boolean {
  const {code, details = ''} = error as Partial<ServiceError>;
  if (code === undefined) return false;
  // It is behind the others, as one is that was just started.
  if (code === INVALID_ARGUMENT && details.includes('revision of auth store is old')) return true;
  return MAY_DO_ELSEWHERE.has(code);
}

/** Whether we have to say anew who we are: a token ends, also when its member is started anew. */
export function isTokenRefused(error: unknown): boolean {
  const {code, details = ''} = error as Partial<ServiceError>;
  return code === UNAUTHENTICATED || (code === INVALID_ARGUMENT && details.includes('auth token'));
}

/** Why a member could not be used, in our words. */
export function reasonOf(error: unknown): string {
  const {details, message} = error as Partial<ServiceError>;
  const text = (details || message || String(error)).replace(/^etcdserver: /, '').replace(/\s+/g, ' ');
  for (const [pattern, words] of WORDS) if (pattern.test(text)) return words;
  return text.slice(0, 200);
}

const WORDS: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, 'nothing listens there'],
  [/ENOTFOUND|Name resolution failed/, 'there is no such host'],
  [/EHOSTUNREACH|ENETUNREACH/, 'there is no way to it'],
  [/certificate has expired/i, 'its certificate has expired'],
  [/not yet valid/i, 'its certificate is not valid yet'],
  [/does not match certificate|altnames/i, 'its certificate is for another host'],
  [/self.signed certificate|unable to (?:verify|get)|signature failure/i, 'its certificate is signed by nobody in ca='],
  [/alert (?:unknown ca|bad certificate|certificate|handshake failure|access denied)/i, 'it refuses our certificate'],
  [/ECONNRESET|socket hang up|disconnected before|stream removed|EPIPE|GOAWAY/i, 'it closed the connection'],
];

/** The error for what no other member would do better. */
export function storeError(error: unknown): unknown {
  const {code} = error as Partial<ServiceError>;
  if (code === undefined || error instanceof DekError) return error;
  const why = reasonOf(error);
  if (code === OUT_OF_RANGE && why.includes('compacted')) return new Compacted(why);
  if (code === PERMISSION_DENIED) {
    return new DekError('PERMISSION', `etcd refuses it: ${why}`, {hint: 'dek fleet init prints users and roles'});
  }
  if (code === UNAUTHENTICATED || code === FAILED_PRECONDITION || code === INVALID_ARGUMENT) {
    return new DekError('PERMISSION', `etcd does not take us for a user: ${why}`, {
      hint: 'the common name of cert= has to be a user of etcd: dek fleet init',
    });
  }
  if (code === RESOURCE_EXHAUSTED && why.includes('space')) {
    return new DekError('LIMIT', `etcd has no more room: ${why}`, {
      hint: 'etcdctl compact, defrag and alarm disarm; or a larger --quota-backend-bytes',
    });
  }
  return new DekError('IO', `etcd: ${why}`);
}
