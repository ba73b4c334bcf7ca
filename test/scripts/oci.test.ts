/** The layout of an image (scripts/package/oci.ts), of a layer with one file. */
import {execFileSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {temporaryDirectory} from '../support/temporary-directory.js';

const SCRIPT = fileURLToPath(new URL('../../scripts/package/oci.js', import.meta.url));

describe('an image', () => {
  let work: string;
  let layout: string;
  let descriptor: {digest: string; annotations: Record<string, string>};

  before(() => {
    work = temporaryDirectory();
    layout = join(work, 'layout');
    const layer = join(work, 'layer.tar');
    execFileSync('tar', ['-cf', layer, '-C', work, '--files-from', '/dev/null']);
    execFileSync(process.execPath, [SCRIPT, layer, layout, 'amd64', '7.8.9', '10001', '1000000000']);
    [descriptor] = JSON.parse(fs.readFileSync(join(layout, 'index.json'), 'utf8')).manifests;
  });
  after(() => fs.rmSync(work, {recursive: true}));

  // podman 4.3.1 made localhost/7.8.9:latest of the version alone, and `podman run dek:7.8.9` found nothing.
  it('is dek:VERSION where it is loaded, as docs/install.md and the DaemonSet have it', () => {
    expect(descriptor.annotations).to.deep.equal({
      'io.containerd.image.name': 'docker.io/library/dek:7.8.9',
      'org.opencontainers.image.ref.name': 'dek:7.8.9',
    });
  });

  it('has each blob by its digest, and its user is a number', () => {
    const blobs = join(layout, 'blobs/sha256');
    const read = (name: string): Buffer => fs.readFileSync(join(blobs, name));
    for (const name of fs.readdirSync(blobs)) {
      expect(createHash('sha256').update(read(name)).digest('hex')).to.equal(name);
    }
    const json = (digest: string) => JSON.parse(read(digest.replace('sha256:', '')).toString());
    expect(json(json(descriptor.digest).config.digest).config.User).to.equal('10001:10001');
  });
});
