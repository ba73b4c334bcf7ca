/** What every kind of source has in common: what it is to be read from, and what messages call it. */
import fs from 'node:fs';
import {hideKey} from '../../bytes.js';
import type {Deadline} from '../../deadline.js';

/** Where to read. `name` is what messages call it. */
export interface Source {
  readonly name: string;
  readonly path?: string;
  readonly fd?: number;
  /** How long it may take to give a secret, where nobody says. */
  readonly timeoutMs?: number;
  /** For what has to be made ready first, such as a program that is started. */
  readonly start?: (deadline: Deadline | undefined) => Promise<Started>;
  /**
   * Whether the file's mode has to keep others out. systemd grants its credentials by ACL, which looks like group
   * access.
   */
  readonly isPrivate: boolean;
  /** It holds something wrapped, which is no secret. */
  readonly isCiphertext?: boolean;
  /** When to give up; what is opened for it is then read without blocking. */
  readonly deadline?: Deadline;
  /** It is a path of ours: a pipe without a writer is one that nobody has written yet, not an empty one. */
  readonly awaitsWriter?: boolean;
}

/** A source that was made ready. */
export interface Started {
  /** To be read up to its end; `end` closes it. */
  readonly fd: number;
  /**
   * Ends it; a second call does nothing. Throws when what was read is not to be believed, unless `isGivenUp`: then it
   * was not read to its end.
   */
  end(isGivenUp: boolean): Promise<void>;
}

/** A file of this folder. */
export interface SourceModule {
  /**
   * The source that `rest`, what stands behind the scheme, names; undefined when it does not have the form of one.
   * `title` is what messages call what it gives. Throws BAD_ARGUMENT, NO_INPUT.
   */
  sourceOf(rest: string, title: string): Source | undefined;
}

/** What messages call a source. A path that leads nowhere may be a key, and then it is not repeated. */
export function nameOf(spec: string, path: string, title: string): string {
  return `"${title}" ${fs.existsSync(path) ? spec : spec.replace(/[^:]+/g, hideKey)}`;
}
