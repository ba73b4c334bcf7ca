export {type Edition, type NextLogin, newEdition, nextEdition} from './fields/edition.js';
export type {ManifestDek, ManifestEntry, Marks} from './fields/entry.js';
export type {ManifestHeader} from './fields/header.js';
export type {ByteSource} from './lines.js';
export {
  type Manifest,
  openManifest,
  type ReadManifestOptions,
  readManifest,
} from './read.js';
export {writeManifest} from './write.js';
