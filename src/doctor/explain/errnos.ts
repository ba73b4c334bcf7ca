/** Errnos, as `dek explain` has them: what they mean for each call, from the table by which dek makes its errors. */
import type {LoginState} from '../../dek-layout.js';
import {type About, ANY_CALL, BY_CALL, type Call, type Meaning} from '../../rdma/refusal/errno-table.js';
import type {Explanation} from './explanation.js';

const LIBMLX5 = {seen: 'libmlx5 and its manual pages; what made firmware say so is assumed'} as const;

const CALLS: Readonly<Record<Call, string>> = {
  list: 'the list of devices',
  open: 'opening a device',
  caps: 'reading capabilities',
  command: 'a firmware command',
  pd: 'a protection domain',
  login: 'a login',
  loginQuery: 'the query of a login',
  logout: 'a logout',
  create: 'a DEK',
  query: 'the query of a DEK',
  destroy: 'the destruction of a DEK',
  cq: 'a completion queue',
  mr: 'registering memory',
  qp: 'a queue pair',
  mkey: 'a memory key',
  connect: 'connecting a queue pair',
  post: 'posting work requests',
  poll: 'polling a completion queue',
};

/** What a meaning may depend on, and how that is put. */
const CASES: readonly (readonly [of: string, about: Omit<About, 'device'>])[] = [
  ['', {wrapped: true, loginState: () => 'VALID', answers: () => true}],
  [' (it stopped answering)', {wrapped: true, loginState: () => 'VALID', answers: () => false}],
  [' in plaintext', {wrapped: false, answers: () => true}],
  ...(['INVALID', 'NO_LOGIN'] as const satisfies LoginState[]).map(
    (state) => [` while the login is ${state}`, {wrapped: true, loginState: () => state, answers: () => true}] as const,
  ),
];

/** What an errno means, by call; nothing when dek has no words for it. */
export function explainErrno(name: string): Explanation[] {
  const calls = (Object.keys(CALLS) as Call[]).filter((call) => BY_CALL[call]?.[name] !== undefined);
  const own = calls.flatMap((call) => meanings(CALLS[call], BY_CALL[call]![name]!, name));
  const any = ANY_CALL[name];
  return any === undefined ? own : [...own, ...meanings(own.length > 0 ? 'any other call' : null, any, name)];
}

/** Errnos that dek has words for. */
export function knownErrnos(): string[] {
  const names = [ANY_CALL, ...Object.values(BY_CALL)].flatMap((table) => Object.keys(table));
  return [...new Set(names)].sort();
}

/** Each meaning once, under the first case that has it. */
function meanings(of: string | null, meaning: (about: About) => Meaning, name: string): Explanation[] {
  const found = new Map<string, Explanation>();
  for (const [words, about] of CASES) {
    const [, text, next] = meaning({...about, device: ''});
    if (found.has(text)) continue;
    const what = words === '' ? of : `${of ?? 'any call'}${words}`;
    found.set(text, {kind: 'errno', name, of: what, text, next: next ?? null, basis: LIBMLX5});
  }
  return [...found.values()];
}
