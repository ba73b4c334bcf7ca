/**
 * A registry of npm's on this machine, which has the package's dependencies as they are in node_modules and
 * package-lock.json.
 */
import {execFileSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {once} from 'node:events';
import fs from 'node:fs';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {join} from 'node:path';

export interface Registry {
  readonly url: string;
  close(): void;
}

interface Locked {
  version: string;
  os?: string[];
  cpu?: string[];
  optionalDependencies?: Record<string, string>;
}

/**
 * Serves `names` and what they depend on. What node_modules has not, for other machines, can be seen and not be had.
 */
export async function startRegistry(root: string, names: readonly string[], directory: string): Promise<Registry> {
  const lock = JSON.parse(fs.readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const locked = (name: string): Locked => lock.packages[`node_modules/${name}`];
  const all = names.flatMap((name) => [name, ...Object.keys(locked(name).optionalDependencies ?? {})]);
  const tarballs = new Map<string, Buffer>();
  for (const name of all) {
    if (fs.existsSync(join(root, 'node_modules', name))) tarballs.set(name, pack(join(root, 'node_modules', name)));
  }
  const server = createServer((request, response) => {
    const [name, file] = decodeURIComponent(request.url!.slice(1)).split('/-/') as [string, string | undefined];
    const tarball = tarballs.get(name);
    if (!all.includes(name) || (file !== undefined && tarball === undefined)) {
      response.writeHead(404).end('{}');
    } else if (file !== undefined) {
      response.end(tarball);
    } else {
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify(describe(name, locked(name), tarball)));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  function describe(name: string, {version, os, cpu, optionalDependencies}: Locked, tarball?: Buffer): object {
    const dist = {
      tarball: `${url}/${name}/-/${version}.tgz`,
      shasum: createHash('sha1')
        .update(tarball ?? '') // yarn takes no package without one
        .digest('hex'),
    };
    const versions = {[version]: {name, version, os, cpu, optionalDependencies, dist}};
    return {name, 'dist-tags': {latest: version}, versions};
  }

  function pack(folder: string): Buffer {
    const args = ['pack', '--silent', '--ignore-scripts', '--pack-destination', directory];
    const file = join(directory, execFileSync('npm', args, {cwd: folder, encoding: 'utf8'}).trim());
    const bytes = fs.readFileSync(file);
    fs.rmSync(file);
    return bytes;
  }

  return {
    url,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
