export type {ManifestDek, ManifestEntry} from './entry.js';
export type {ManifestHeader} from './header.js';
export type {ByteSource} from './lines.js';
export {
  type Manifest,
  openManifest,
  type ReadManifestOptions,
  readManifest,
} from './read.js';
export {writeManifest} from './write.js';
