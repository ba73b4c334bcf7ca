/** Manifests that go through a crew: what all jobs on lines have in common. */
import {type Duplicate, expectedDeks, findDuplicates, newTables, type Tables} from '../manifest/duplicates.js';
import {type Fault, faultError, inOrder} from '../manifest/fault.js';
import {type ManifestHeader, versionOf} from '../manifest/fields/header.js';
import {randomFingerprintKey} from '../manifest/fingerprint.js';
import type {Lines} from '../manifest/lines.js';
import type {CheckedLines, LinesInput} from './jobs/line-jobs.js';

/** A manifest that was opened: what `openLines` gives. */
export interface OpenLines {
  header: ManifestHeader;
  lines: AsyncIterable<Lines>;
  bytes: number;
}

/** Where duplicates are looked for: the names and keys so far, and what they are hashed with. */
export class DuplicateRegister {
  readonly key = randomFingerprintKey();
  readonly #bytes: number;
  readonly #deks: number;
  #tables: Tables | undefined;

  /** For a manifest of about so many bytes, and so many DEKs more, where that is known. */
  constructor({bytes = 0, deks = 0}: {bytes?: number; deks?: number} = {}) {
    this.#bytes = bytes;
    this.#deks = deks;
  }

  /** The duplicates in lines that come after all lines so far. */
  add(checked: CheckedLines): Duplicate[] {
    this.#tables ??= newTables(this.#deks + expectedDeks(this.#bytes, checked));
    return findDuplicates(checked, this.#tables);
  }
}

/** The inputs of a job on the lines of a manifest. */
export async function* inputsOf<T extends object>(
  {header, lines}: OpenLines,
  {key}: DuplicateRegister,
  more: T,
): AsyncGenerator<LinesInput & T, void> {
  const version = versionOf(header);
  for await (const some of lines) yield {...some, version, key, ...more};
}

/** What the job has made of lines, with the names and keys that stood in earlier lines among the faults. */
export async function* withDuplicates<T extends CheckedLines>(
  outputs: AsyncIterable<T>,
  register: DuplicateRegister,
): AsyncGenerator<T, void> {
  for await (const output of outputs) {
    yield {...output, faults: inOrder(output.faults, register.add(output))};
  }
}

/** Throws the first fault, if there is one. */
export function assertNoFault([fault]: readonly Fault[]): void {
  if (fault) throw faultError(fault);
}
