/** contrib/kubernetes: of the schema of Kubernetes, and as strict as the units. */
import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import type {DaemonSet} from 'kubernetes-types/apps/v1.js';
import type {ConfigMap} from 'kubernetes-types/core/v1.js';
import {parseAllDocuments} from 'yaml';
import {temporaryDirectory} from '../support/temporary-directory.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const FILE = join(ROOT, 'contrib/kubernetes/dek-agent.yaml');

describe('contrib/kubernetes', () => {
  const documents = parseAllDocuments(fs.readFileSync(FILE, 'utf8'));
  const [configMap, daemonSet] = documents.map((document) => document.toJS()) as [ConfigMap, DaemonSet];
  const pod = daemonSet.spec!.template.spec!;
  const [container] = pod.containers;

  /** What the compiler says of objects as resources: their types are made from the schema of Kubernetes' API. */
  function faultsOf(resources: readonly {kind?: string}[]): string {
    const work = temporaryDirectory();
    try {
      fs.symlinkSync(join(ROOT, 'node_modules'), join(work, 'node_modules'));
      const [map, set] = resources.map((resource) => JSON.stringify(resource));
      const lines = [
        "import type {DaemonSet} from 'kubernetes-types/apps/v1.js';",
        "import type {ConfigMap} from 'kubernetes-types/core/v1.js';",
        `export const map: ConfigMap = ${map};`,
        `export const set: DaemonSet = ${set};`,
      ];
      fs.writeFileSync(join(work, 'resources.mts'), lines.join('\n'));
      const flags = ['--ignoreConfig', '--noEmit', '--strict', '--module', 'nodenext', '--types', ''];
      const tsc = join(ROOT, 'node_modules/.bin/tsc');
      return spawnSync(tsc, [...flags, 'resources.mts'], {cwd: work, encoding: 'utf8'}).stdout;
    } finally {
      fs.rmSync(work, {recursive: true});
    }
  }

  it('is of the schema of Kubernetes', () => {
    expect(faultsOf([configMap, daemonSet])).to.equal('');
  });

  it('would be told of a word that the schema does not know, and of a wrong type', () => {
    const text = JSON.stringify(daemonSet);
    const unknown = JSON.parse(text.replace('readOnlyRootFilesystem', 'readOnlyRootFileSystem'));
    expect(faultsOf([configMap, unknown])).to.match(/readOnlyRootFileSystem/);
    const wrong = JSON.parse(text.replace('"runAsUser":10001', '"runAsUser":"dek"'));
    expect(faultsOf([configMap, wrong])).to.match(/Type 'string' is not assignable to type 'number'/);
  });

  it('takes no privilege, as the unit does', () => {
    expect(pod).to.not.have.any.keys('hostNetwork', 'hostPID', 'hostIPC');
    expect(pod.automountServiceAccountToken).to.equal(false);
    expect(pod.securityContext).to.deep.include({runAsNonRoot: true, runAsUser: 10001});
    expect(container!.securityContext).to.deep.equal({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: {drop: ['ALL']},
    });
  });

  it('applies a ConfigMap that changes', () => {
    const folder = container!.volumeMounts!.find(({name}) => name === 'manifest')!;
    expect(container!.args!.join(' ')).to.include(`--manifest ${folder.mountPath}/manifest --watch `);
    expect(folder, 'a file alone is not changed in a container').to.not.have.property('subPath');
  });

  it('hangs together: the labels, the volumes, the ConfigMap, the version of the image', () => {
    expect(daemonSet.spec!.template.metadata!.labels).to.deep.equal(daemonSet.spec!.selector.matchLabels);
    expect(container!.volumeMounts!.map(({name}) => name)).to.have.members(pod.volumes!.map(({name}) => name));
    expect(pod.volumes!.find(({configMap}) => configMap)!.configMap!.name).to.equal(configMap.metadata!.name);
    expect(Object.keys(configMap.data!)).to.deep.equal(['manifest']);
    const {version} = JSON.parse(fs.readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(container!.image).to.equal(`dek:${version}`);
    const image = fs.readFileSync(join(ROOT, 'scripts/package/image'), 'utf8');
    expect(image).to.include(`readonly user=${pod.securityContext!.runAsUser}\n`);
  });
});
