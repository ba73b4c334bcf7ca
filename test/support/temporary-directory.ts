/** A directory for the files of a test, which removes it. */
import fs from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

/** A new directory under the system's one for temporary files. */
export function temporaryDirectory(): string {
  return fs.mkdtempSync(join(tmpdir(), 'dek-test-'));
}

/**
 * The path of a file that all test files of a run share, which scripts/test.ts removes after it; undefined outside such
 * a run.
 */
export function sharedFile(name: string): string | undefined {
  const directory = process.env['DEK_TEST_SHARED'];
  return directory === undefined ? undefined : join(directory, name);
}
