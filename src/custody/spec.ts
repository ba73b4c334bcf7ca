/**
 * What people write for a source: `file:PATH`, `fd:N`, `-` (standard input), `cred:NAME` (a systemd credential), and
 * for what is wrapped a plain path too.
 */
import fs from 'node:fs';
import {join} from 'node:path';
import {hideKey} from '../bytes.js';
import type {Deadline} from '../deadline.js';
import {DekError} from '../errors.js';

/** Where to read. `name` is what messages call it. */
export interface Source {
  readonly name: string;
  readonly path?: string;
  readonly fd?: number;
  /**
   * Whether the file's mode has to keep others out. systemd grants its credentials by ACL, which looks like group
   * access.
   */
  readonly isPrivate: boolean;
  /** When to give up; what is opened for it is then read without blocking. */
  readonly deadline?: Deadline;
  /** It is a path of ours: a pipe without a writer is one that nobody has written yet, not an empty one. */
  readonly awaitsWriter?: boolean;
}

const SOURCES_HINT = 'name a source: file:PATH, fd:N, - (standard input) or cred:NAME (a systemd credential)';

/**
 * The source of a secret. The text is not repeated unless it is a path: it may be a key that someone put in its place.
 */
export function sourceOf(spec: string, title: string): Source {
  const source = parseSource(spec, title);
  if (source) return source;
  const hint = fs.existsSync(spec) ? `for a file write file:${spec}` : SOURCES_HINT;
  throw new DekError('BAD_ARGUMENT', `"${title}" is not a source`, {hint});
}

/** The source of something wrapped. */
export function ciphertextSource(spec: string, title: string): Source {
  const source = parseSource(spec, title) ?? {name: nameOf(spec, spec, title), path: spec};
  return {...source, isPrivate: false};
}

/** Null when `spec` has the form of none of the sources. */
function parseSource(spec: string, title: string): Source | null {
  if (spec === '-') return {name: `"${title}" standard input`, fd: 0, isPrivate: false};
  if (/^fd:\d{1,9}$/.test(spec)) return {name: `"${title}" ${spec}`, fd: Number(spec.slice(3)), isPrivate: false};
  if (spec.startsWith('file:')) {
    const path = spec.slice(5);
    return {name: nameOf(spec, path, title), path, isPrivate: true};
  }
  if (!spec.startsWith('cred:')) return null;
  const credential = spec.slice(5);
  const directory = process.env['CREDENTIALS_DIRECTORY'];
  const path = join(directory ?? '', credential);
  const name = nameOf(spec, path, title);
  if (credential === '' || credential.includes('/') || credential === '.' || credential === '..') {
    throw new DekError('BAD_ARGUMENT', `${name} is not the name of a credential`);
  }
  if (!directory) {
    throw new DekError('NO_INPUT', `${name} cannot be found: $CREDENTIALS_DIRECTORY is not set`, {
      hint: `run this in a systemd unit with LoadCredential=${hideKey(credential)}:PATH`,
    });
  }
  return {name, path, isPrivate: false};
}

/** What messages call a source. A path that leads nowhere may be a key, and then it is not repeated. */
function nameOf(spec: string, path: string, title: string): string {
  return `"${title}" ${fs.existsSync(path) ? spec : spec.replace(/[^:]+/g, hideKey)}`;
}

/** Throws BAD_ARGUMENT when two of the sources of one command are one stream, which can be read only once. */
export function assertDistinctStreams(...specs: readonly (string | undefined)[]): void {
  const streams = specs.map((spec) => (spec === '-' ? 'fd:0' : spec)).filter((spec) => spec?.startsWith('fd:'));
  if (new Set(streams.map((spec) => Number(spec?.slice(3)))).size === streams.length) return;
  throw new DekError('BAD_ARGUMENT', 'two inputs come from one stream, which can be read only once', {
    hint: 'give one of them as file:PATH, or as fd:N with another descriptor',
  });
}
