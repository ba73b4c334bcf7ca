/** What a host says of itself: a small JSON object under its own key. Generation is the only number of order in it. */
import {isInstant} from '../../manifest/fields/edition.js';
import {HEX_5_BYTES, HEX_16_BYTES, HEX_32_BYTES, jsonBytes, LINE, Members, malformed, parseJson} from './json.js';

/** Of the login that is needed: of the worst NIC; VALID where none is needed. */
export type ReportedLogin = 'VALID' | 'INVALID' | 'UNKNOWN' | 'NO_LOGIN';

/** The login of the next KEK, which the manifest has in store. */
export interface ReportedNextLogin {
  /** Of the next KEK. */
  readonly kcv: string | null;
  /** Whether every NIC took it, tried on a context of its own. */
  readonly valid: boolean;
  /** Why not. */
  readonly why: string | null;
}

export interface Report {
  /** What it holds; null: nothing yet. */
  readonly id: string | null;
  readonly generation: number | null;
  readonly digest: string | null;
  /** Of the KEK that has wrapped it. */
  readonly kcv: string | null;
  /** All DEKs, on the worst of its NICs. */
  readonly total: number;
  readonly ready: number;
  readonly proven: number;
  readonly wrong: number;
  /** Whether the agent itself calls all of it READY. */
  readonly isReady: boolean;
  readonly login: ReportedLogin;
  readonly nextLogin: ReportedNextLogin | null;
  /** DEKs that were replaced, and that a service still uses. */
  readonly old: number;
  readonly version: string;
  /** Since when it holds this generation, by its own clock. */
  readonly since: string | null;
  /** Why it does not hold what it should; null: it does. */
  readonly why: string | null;
}

const KIND = 'dek-fleet-status';
const LOGIN = /^(VALID|INVALID|UNKNOWN|NO_LOGIN)$/;

export function reportBytes(report: Report): Uint8Array {
  return jsonBytes({[KIND]: 1, ...report});
}

/** Throws BAD_INPUT unless it is one. */
export function parseReport(bytes: Uint8Array, host: string): Report {
  const what = `the report of ${host}`;
  const json = parseJson(bytes, KIND, what);
  const members = new Members(json, what);
  const next = members.object('nextLogin');
  const since = json['since'];
  if (since !== null && !isInstant(since)) throw malformed(what, 'has no good "since"');
  return {
    id: members.orNull('id', HEX_16_BYTES),
    generation: json['generation'] === null ? null : members.count('generation'),
    digest: members.orNull('digest', HEX_32_BYTES),
    kcv: members.orNull('kcv', HEX_5_BYTES),
    total: members.count('total'),
    ready: members.count('ready'),
    proven: members.count('proven'),
    wrong: members.count('wrong'),
    isReady: members.flag('isReady'),
    login: members.text('login', LOGIN) as ReportedLogin,
    nextLogin: next && parseNextLogin(new Members(next, what)),
    old: members.count('old'),
    version: members.text('version', LINE),
    since,
    why: members.orNull('why', LINE),
  };
}

function parseNextLogin(members: Members): ReportedNextLogin {
  return {kcv: members.orNull('kcv', HEX_5_BYTES), valid: members.flag('valid'), why: members.orNull('why', LINE)};
}

/** One line for a report, whatever an error says. */
export function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ').slice(0, 300);
}
