/**
 * Prints what a package with its own Node.js consists of, as CycloneDX 1.5: of what `npm sbom` says of this project,
 * the packages in dist/bundle and those beside it, and that Node.js. The same for the same tree: the time is that of
 * SOURCE_DATE_EPOCH, and the serial number is made of the contents.
 *
 *     sbom.js x64|arm64 NODE-BINARY NODE-VERSION
 */
import {execFileSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {readFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';

interface Component {
  'bom-ref': string;
  name: string;
  version: string;
  [key: string]: unknown;
}
interface Bom {
  serialNumber: string;
  metadata: {timestamp: string; component: Component; [key: string]: unknown};
  components: Component[];
  dependencies: {ref: string; dependsOn: string[]}[];
}

const root = fileURLToPath(new URL('../../../', import.meta.url));
const [cpu, nodeBinary, nodeVersion] = process.argv.slice(2) as [string, string, string];
const {dependencies, name} = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
  dependencies: Record<string, string>;
  name: string;
};
const bom = JSON.parse(
  execFileSync('npm', ['sbom', '--sbom-format=cyclonedx'], {cwd: root, encoding: 'utf8', maxBuffer: 1 << 26}),
) as Bom;

const inBundle = new Set(
  Array.from(
    readFileSync(`${root}dist/bundle/LICENSES.txt`, 'utf8').matchAll(/^(\S+) (\S+) \(.*\)$/gm),
    ([, of, at]) => `${of}@${at}`,
  ),
);
const natives = [`@koromix/koffi-linux-${cpu}`, ...Object.keys(dependencies)];
bom.components = bom.components.filter((part) => inBundle.has(part['bom-ref']) || natives.includes(part.name));
const missing = [...inBundle].filter((ref) => !bom.components.some((part) => part['bom-ref'] === ref));
if (missing.length > 0) throw new Error(`npm sbom does not name ${missing.join(', ')}, which the bundle contains`);
for (const part of bom.components) part['scope'] = 'required'; // of the bundle npm knows that we develop with it
bom.components.push(nodeComponent());
const refs = new Set([bom.metadata.component['bom-ref'], ...bom.components.map((part) => part['bom-ref'])]);
bom.dependencies = bom.dependencies
  .filter(({ref}) => refs.has(ref))
  .map(({ref, dependsOn}) => ({ref, dependsOn: dependsOn.filter((other) => refs.has(other))}));
bom.dependencies.push({ref: `node@${nodeVersion}`, dependsOn: []});
bom.dependencies.find(({ref}) => ref === bom.metadata.component['bom-ref'])?.dependsOn.push(`node@${nodeVersion}`);
Object.assign(bom.metadata.component, {name, type: 'application'}); // npm takes the folder's name
bom.metadata.timestamp = new Date(Number(process.env['SOURCE_DATE_EPOCH'] ?? 0) * 1000).toISOString();
bom.serialNumber = '';
bom.serialNumber = `urn:uuid:${uuidOf(JSON.stringify(bom))}`;
console.log(JSON.stringify(bom, null, 2));

function nodeComponent(): Component {
  const content = createHash('sha256').update(readFileSync(nodeBinary)).digest('hex');
  return {
    'bom-ref': `node@${nodeVersion}`,
    type: 'platform',
    name: 'node',
    version: nodeVersion,
    scope: 'required',
    description: 'The binary of Node.js, with the libraries that it contains: process.versions names them',
    purl: `pkg:npm/node-linux-${cpu}@${nodeVersion}`,
    hashes: [{alg: 'SHA-256', content}],
    licenses: [{license: {id: 'MIT'}}],
  };
}

/** A UUID of version 8 (RFC 9562): of what these bytes say. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}
