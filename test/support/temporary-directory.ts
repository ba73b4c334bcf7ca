/** A directory for the files of a test, which removes it. */
import fs from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

/** A new directory under the system's one for temporary files. */
export function temporaryDirectory(): string {
  return fs.mkdtempSync(join(tmpdir(), 'dek-test-'));
}
