/**
 * Lays one layer out as an image (OCI image format 1.0: layout, index, manifest, config):
 *
 *     oci.js LAYER.tar LAYOUT ARCHITECTURE VERSION USER EPOCH
 */
import {createHash} from 'node:crypto';
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {gzipSync} from 'node:zlib';

interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

const [layerFile, layout, architecture, version, user, epoch] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
];
const blobs = join(layout, 'blobs/sha256');
mkdirSync(blobs, {recursive: true});

const layer = readFileSync(layerFile);
const created = new Date(Number(epoch) * 1000).toISOString();
const config = blob('application/vnd.oci.image.config.v1+json', {
  created,
  architecture,
  os: 'linux',
  config: {
    User: `${user}:${user}`,
    // An init, which ends what is left of a command that a source of a KEK started.
    Entrypoint: ['/usr/bin/tini', '--', '/usr/bin/dek'],
    Cmd: ['agent', '--manifest', '/etc/dek/manifest', '--socket', '/run/dek/agent.sock'],
    Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL=C.UTF-8', 'DEK_AGENT_SOCKET=/run/dek/agent.sock'],
    WorkingDir: '/',
    StopSignal: 'SIGTERM',
    Labels: {'org.opencontainers.image.title': 'dek', 'org.opencontainers.image.version': version},
  },
  rootfs: {type: 'layers', diff_ids: [`sha256:${sha256(layer)}`]},
  history: [{created, comment: 'scripts/package/image'}],
});
const manifest = blob('application/vnd.oci.image.manifest.v1+json', {
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  config,
  layers: [bytes('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(layer, {level: 6}))],
});
write('index.json', {
  schemaVersion: 2,
  manifests: [
    {
      ...manifest,
      platform: {architecture, os: 'linux'},
      // By the first Docker, containerd and podman name it, by the second what knows no other: `dek:VERSION` for all.
      annotations: {
        'io.containerd.image.name': `docker.io/library/dek:${version}`,
        'org.opencontainers.image.ref.name': `dek:${version}`,
      },
    },
  ],
});
write('oci-layout', {imageLayoutVersion: '1.0.0'});

function blob(mediaType: string, content: unknown): Descriptor {
  return bytes(mediaType, Buffer.from(JSON.stringify(content)));
}

function bytes(mediaType: string, content: Buffer): Descriptor {
  const digest = sha256(content);
  writeFileSync(join(blobs, digest), content);
  return {mediaType, digest: `sha256:${digest}`, size: content.length};
}

function write(name: string, content: unknown): void {
  writeFileSync(join(layout, name), JSON.stringify(content));
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
