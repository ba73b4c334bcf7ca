/** An older libmlx5, as far as the name of its file tells of it: for what is said of a release that is not at hand. */
import fs from 'node:fs';
import {syncBuiltinESMExports} from 'node:module';

/** Imported before all else (`--import`): proc(5) says that libmlx5 is of rdma-core 42.0, or of $OLD_LIBRARY. */
const read = fs.readFileSync;
fs.readFileSync = ((path: fs.PathOrFileDescriptor, ...options: [never]) => {
  const found = read(path, ...options) as unknown as string | Buffer;
  if (path !== '/proc/self/maps' || typeof found !== 'string') return found;
  return found.replaceAll(/(\/libmlx5\.so\.\d+\.\d+\.)\d+\.\d+$/gm, `$1${process.env['OLD_LIBRARY'] ?? '42.0'}`);
}) as typeof fs.readFileSync;
syncBuiltinESMExports();
