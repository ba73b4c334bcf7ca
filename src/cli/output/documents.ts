/** Where docs/ has more of an error: its file, and the line of its section. */
import {existsSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import type {DekErrorCode} from '../../errors.js';
import {packageFile} from '../../package.js';

/** File and heading, for codes of which a page says more than a hint can. A test looks them up. */
export const DOCUMENTS: Readonly<Partial<Record<DekErrorCode, readonly [file: string, heading: string]>>> = {
  NO_DEVICE: ['start.md', 'Without a NIC'],
  NO_AGENT: ['operator.md', 'Start a service with its DEKs'],
  UNSAFE_SECRET: ['custody.md', 'Sources: its bytes come to `dek`, are used and wiped'],
  REFUSED: ['failures.md', 'Twenty ways in which provisioning fails'],
  BAD_SIGNATURE: ['signed.md', 'Sign and verify'],
  UNSIGNED: ['signed.md', 'Sign and verify'],
  NOT_RELEASED: ['signed.md', 'Releases'],
  WRONG_HOST: ['signed.md', 'A host that takes nothing else'],
  EXPIRED: ['signed.md', 'A host that takes nothing else'],
  CLOCK_NOT_SET: ['signed.md', 'A host that takes nothing else'],
  ROLLED_BACK: ['signed.md', 'No way back'],
  NOT_ENROLLED: ['signed.md', 'No way back'],
  EQUAL_KEYS: ['fips.md', 'FIPS 140-3: which road uses validated modules only'],
  NOT_READY: ['operator.md', 'When something is wrong'],
};

/** In a clone and as npm installs it; beside lib/dek, as other packages do. Debian compresses what is long. */
const FOLDERS = ['docs/', '../../share/doc/dek/'].map((folder) => fileURLToPath(packageFile(folder)));

/** `/usr/share/doc/dek/signed.md:96, "No way back"`, or undefined: no page says more, or it is not installed. */
export function documentOf(code: DekErrorCode, folders: readonly string[] = FOLDERS): string | undefined {
  const [file, heading] = DOCUMENTS[code] ?? [];
  if (file === undefined || heading === undefined) return undefined;
  const places = folders.flatMap((folder) => [join(folder, file), join(folder, `${file}.gz`)]);
  const path = places.find((one) => existsSync(one));
  return path === undefined ? undefined : `${path}${lineOf(path, heading)}, "${heading.replaceAll('`', '')}"`;
}

/** `:96`, or nothing where the file cannot be read as it is. */
function lineOf(path: string, heading: string): string {
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    const index = lines.findIndex((line) => line.replace(/^#+ /, '') === heading);
    return index < 0 ? '' : `:${index + 1}`;
  } catch {
    return '';
  }
}
