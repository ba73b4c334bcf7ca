export type {ManifestDek, ManifestEntry} from './entry.js';
export type {ManifestHeader} from './header.js';
export type {ByteSource} from './lines.js';
export {
  type Manifest,
  type ManifestPart,
  openManifest,
  type ReadManifestOptions,
  readManifest,
  readManifestParts,
} from './read.js';
export {writeManifest} from './write.js';
