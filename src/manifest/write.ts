/** Writes a manifest as a stream. What is written is what `readManifest` reads, or nothing is. */
import {formatEntry, type ManifestDek} from './entry.js';
import {formatHeader, type ManifestHeader} from './header.js';
import {assertNew} from './read.js';
import {Seen} from './seen.js';

const CHUNK_CHARACTERS = 2 ** 16;

/**
 * Yields the bytes of a manifest, in chunks of about 64 KiB: `pipeline(Readable.from(writeManifest(...)), process.stdout)`.
 * Throws BAD_ARGUMENT or BAD_INPUT, with the line that would have been at fault.
 */
export async function* writeManifest(
  header: ManifestHeader,
  deks: AsyncIterable<ManifestDek> | Iterable<ManifestDek>,
): AsyncGenerator<Uint8Array, void> {
  const [names, keys] = [new Seen(), new Seen()];
  let text = `${formatHeader(header)}\n`;
  let line = 1;
  for await (const dek of deks) {
    line++;
    text += `${formatEntry(dek, line)}\n`;
    assertNew({...dek, line}, names, keys);
    if (text.length < CHUNK_CHARACTERS) continue;
    yield Buffer.from(text, 'latin1');
    text = '';
  }
  yield Buffer.from(text, 'latin1');
}
