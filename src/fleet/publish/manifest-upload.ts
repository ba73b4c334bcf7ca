/** A manifest on its way into the store: read once and checked, cut into pieces, its names and DCVs told. */
import {createHash} from 'node:crypto';
import {createReadStream} from 'node:fs';
import {toHex} from '../../bytes.js';
import {DCV_BYTES} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import {systemError} from '../../files/system-error.js';
import {markAt, nameOf} from '../../manifest/columns.js';
import {faultError} from '../../manifest/fault.js';
import type {Edition} from '../../manifest/fields/edition.js';
import {versionOf} from '../../manifest/fields/header.js';
import {columnsOf, openLines} from '../../manifest/read.js';
import {type NameTable, nameHash, tableBlobs} from '../layout/names.js';
import {digestOf, listBytes, type Piece, piecesOf} from '../layout/pieces.js';
import {fewOf, type Target} from '../layout/pointer.js';

/** A manifest that was found whole. */
export interface Upload {
  readonly target: Target;
  readonly edition: Edition;
  /** All blobs that it takes. */
  readonly pieces: readonly Piece[];
  /** By the hash of the name. */
  readonly table: NameTable;
  /** By the hash of the name, for messages. */
  readonly names: ReadonlyMap<string, string>;
}

/** Reads the manifest in the file `path`, and its signature from beside it. Throws BAD_INPUT, NO_INPUT, PERMISSION. */
export async function readUpload(path: string): Promise<Upload> {
  const hash = createHash('sha256');
  const pieces: Piece[] = [];
  let bytes = 0;
  for await (const piece of piecesOf(chunksOf(path))) {
    hash.update(piece.bytes);
    bytes += piece.bytes.length;
    pieces.push(piece);
  }
  const digest = hash.digest('hex');
  // What is read here is what was cut, whatever has become of the file.
  const {header, lines} = await openLines(pieces.map((piece) => piece.bytes));
  if (!header.edition) {
    await lines.return();
    throw new DekError('BAD_INPUT', `${path} is of version 1, which has no generation`, {
      hint: 'dek manifest upgrade writes version 2',
    });
  }
  const [table, names] = [new Map<string, string | null>(), new Map<string, string>()];
  for await (const columns of await columnsOf(lines, versionOf(header), {}, bytes)) {
    if (columns.faults[0]) throw faultError(columns.faults[0]);
    const text = Buffer.from(columns.text.buffer, columns.text.byteOffset, columns.text.length);
    for (let i = 0; i < columns.count; i++) {
      const name = nameOf(text, columns, i);
      const key = nameHash(name);
      names.set(key, name);
      table.set(key, markAt(text, columns.dcvAt[i]!, DCV_BYTES));
    }
  }
  const digests = pieces.map((piece) => piece.digest);
  const list = blobOf(listBytes(digests));
  const tables = [...tableBlobs(table)].map(blobOf);
  const tableList = blobOf(listBytes(tables.map((piece) => piece.digest)));
  const {edition, importKekKcv} = header;
  const target: Target = {
    id: toHex(edition.id),
    generation: edition.generation,
    digest,
    bytes,
    deks: table.size,
    pieces: list.digest,
    few: fewOf(digests),
    names: tableList.digest,
    kcv: importKekKcv && toHex(importKekKcv),
    nextKcv: edition.nextLogin?.importKekKcv ? toHex(edition.nextLogin.importKekKcv) : null,
    signature: null,
    release: null,
    releaseSignature: null,
  };
  return {target, edition, pieces: [...pieces, list, ...tables, tableList], table, names};
}

function blobOf(bytes: Uint8Array): Piece {
  return {digest: digestOf(bytes), bytes};
}

async function* chunksOf(path: string): AsyncGenerator<Uint8Array, void> {
  try {
    yield* createReadStream(path) as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw systemError('read', path, error);
  }
}
