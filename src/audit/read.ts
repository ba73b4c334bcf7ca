/** Reads the audit from the journal, by journalctl(1), which has the rights of whoever asks. */
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import fs from 'node:fs/promises';
import {createInterface} from 'node:readline';
import {DekError} from '../errors.js';
import {systemError} from '../files/system-error.js';
import {isInstant, timeOf} from '../manifest/fields/edition.js';
import {AUDIT_KINDS, type AuditKind, MESSAGE_IDS, parseEntry, type ReadEntry} from './entry.js';

/** Which entries. */
export interface AuditQuery {
  /** RFC 3339, or as journalctl(1) takes it: `2026-11-30`, `-1h`, `yesterday`. */
  readonly since: string | undefined;
  /** All when left out. */
  readonly kinds?: readonly AuditKind[] | undefined;
  /** Those of this DEK. */
  readonly name?: string | undefined;
  /** A directory with files of a journal, in the place of this host's. */
  readonly directory?: string | undefined;
}

const MAX_STDERR = 2000;

/**
 * The entries, oldest first. Throws BAD_ARGUMENT for a time that is none, NO_INPUT, UNSUPPORTED without journalctl, IO.
 */
export async function* readAudit({since, kinds = AUDIT_KINDS, name, directory}: AuditQuery): AsyncGenerator<ReadEntry> {
  const args = ['--quiet', '--no-pager', '--all', '--output=json'];
  if (since !== undefined) args.push(`--since=${isInstant(since) ? `@${timeOf(since) / 1000}` : since}`);
  if (directory !== undefined) {
    await fs.access(directory).catch((error: unknown) => {
      throw systemError('read', directory, error);
    });
    args.push(`--directory=${directory}`);
  }
  // Of one field any value will do, of different ones all have to be so.
  args.push(...kinds.map((kind) => `MESSAGE_ID=${MESSAGE_IDS[kind]}`));
  if (name !== undefined) args.push(`DEK_NAME=${name}`);
  const child = spawn('journalctl', args, {stdio: ['ignore', 'pipe', 'pipe']});
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = `${stderr}${text}`.slice(0, MAX_STDERR);
  });
  const ended = once(child, 'close') as Promise<[number | null]>;
  ended.catch(() => {}); // told below
  try {
    for await (const line of createInterface(child.stdout)) {
      if (line !== '') yield parseEntry(JSON.parse(line) as Record<string, unknown>);
    }
    const [status] = await ended;
    if (status !== 0) throw failed(stderr.trim(), since);
  } catch (error) {
    if (error instanceof DekError) throw error;
    if ((error as {code?: string}).code !== 'ENOENT') throw systemError('read', 'the journal', error);
    throw new DekError('UNSUPPORTED', 'there is no journalctl here: the audit is in the journal of systemd', {
      cause: error,
    });
  } finally {
    child.kill();
  }
}

function failed(stderr: string, since: string | undefined): DekError {
  if (/timestamp/i.test(stderr)) {
    return new DekError('BAD_ARGUMENT', `--since expected a time, got "${since}"`, {
      hint: '2026-11-30, 2026-11-30T12:00:00Z, -1h or yesterday: systemd.time(7)',
    });
  }
  return new DekError('IO', `journalctl: ${stderr.split('\n')[0] || 'failed'}`);
}
