/** Runs the checks, and makes a report of what they found. */
import {DekError} from '../errors.js';
import type {Check, Verdict} from './check.js';
import type {Scene} from './scene.js';

/** What one check found of one thing. */
export interface ReportLine {
  check: string;
  /** What it is of: `mlx5_0`, a path; null: of this host. */
  of: string | null;
  seen: string;
  /** null: all is well. */
  verdict: string | null;
  /** `ok` without a verdict; `unknown`: the check itself could not be done. */
  level: 'ok' | Verdict['level'] | 'unknown';
  text: string | null;
  fix: string | null;
}

export interface Report {
  /** Whether nothing is to be fixed. */
  ok: boolean;
  /** How many there are to fix, and to note. */
  toFix: number;
  toNote: number;
  lines: ReportLine[];
}

/** What all these checks find, in their order. */
export async function examine(checks: readonly Check[], scene: Scene): Promise<Report> {
  const lines: ReportLine[] = [];
  for (const check of checks) lines.push(...(await linesOf(check, scene)));
  const count = (...levels: ReportLine['level'][]): number => lines.filter(({level}) => levels.includes(level)).length;
  const toFix = count('fix', 'unknown');
  return {ok: toFix === 0, toFix, toNote: count('note'), lines};
}

async function linesOf(check: Check, scene: Scene): Promise<ReportLine[]> {
  const {name, verdicts, look} = check;
  try {
    return (await look(scene)).map(({of, seen, verdict}) => {
      if (verdict === null) return {check: name, of, seen, verdict, level: 'ok', text: null, fix: null};
      const {level, text, fix} = verdicts[verdict]!;
      return {check: name, of, seen, verdict, level, text, fix};
    });
  } catch (error) {
    if (!(error instanceof DekError)) throw error;
    // What kept the check from looking is to be told like what it looks for.
    const {message: seen, hint = null} = error;
    return [{check: name, of: null, seen, verdict: null, level: 'unknown', text: 'could not be looked at', fix: hint}];
  }
}
