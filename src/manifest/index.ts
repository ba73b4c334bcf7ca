export {type Edition, type NextLogin, newEdition, nextEdition} from './edition.js';
export type {ManifestDek, ManifestEntry, Marks} from './entry.js';
export type {ManifestHeader} from './header.js';
export type {ByteSource} from './lines.js';
export {
  type Manifest,
  openManifest,
  type ReadManifestOptions,
  readManifest,
} from './read.js';
export {writeManifest} from './write.js';
