/**
 * Every page of the site, in the order of its navigation: what it is made of, and what leads to it. What is named here
 * and is not in the tree is an error of the build.
 */
import fs from 'node:fs';
import type {Made} from './made.js';
import {explainPage} from './reference/explain.js';
import {libraryPage} from './reference/library.js';
import {ROOT} from './tree.js';

/** What a page is made of. */
export type Origin =
  | {readonly markdown: string; readonly section?: string}
  | {readonly manual: string}
  | {readonly list: readonly Page[]; readonly about: string}
  | {readonly make: () => Made};

export interface Page {
  /** Its file in the site: `officer.html`. */
  readonly file: string;
  /** Its name in the navigation. */
  readonly name: string;
  readonly from: Origin;
}

export interface Part {
  readonly heading: string;
  readonly pages: readonly Page[];
}

function markdown(path: string, name: string, file = `${/([^/]+)\.md$/.exec(path)![1]!.toLowerCase()}.html`): Page {
  return {file, name, from: {markdown: path}};
}

function manual(path: string): Page {
  const [, name, section] = /([^/]+)\.(\d)$/.exec(path)!;
  return {file: `${name}.${section}.html`, name: `${name}(${section})`, from: {manual: path}};
}

function manuals(folder: string): Page[] {
  const files = fs.readdirSync(ROOT + folder).sort();
  return files.map((file) => manual(`${folder}/${file}`));
}

/** dek(1), dek-agent(8) and a page for each other command; the pages of other sections are named one by one. */
const COMMANDS = manuals('man').filter(({file}) => /\.[18]\.html$/.test(file));
const LIBMLX5DEK = manuals('client/man');

export const PARTS: readonly Part[] = [
  {
    heading: 'Begin',
    pages: [
      markdown('README.md', 'What dek is', 'index.html'),
      markdown('docs/start.md', 'Start in five minutes'),
      markdown('docs/install.md', 'Install'),
      markdown('docs/virtual-connectx.md', 'Without a NIC'),
      markdown('docs/vcx.md', 'RDMA programs without a NIC'),
      markdown('docs/how-it-works.md', 'How it works'),
    ],
  },
  {
    heading: 'For the crypto officer',
    pages: [
      markdown('docs/officer.md', 'KEKs and credentials in the NIC'),
      markdown('docs/custody.md', 'Where the import KEK lives'),
      markdown('docs/signed.md', 'Signed manifests'),
      markdown('docs/sealed.md', 'Sealed at rest'),
      markdown('docs/fips.md', 'FIPS 140-3'),
    ],
  },
  {
    heading: 'For the operator',
    pages: [
      markdown('docs/operator.md', 'Hosts and their agents'),
      markdown('docs/fleet.md', 'A fleet on etcd'),
      markdown('docs/encrypted-store.md', 'An encrypted volume'),
      markdown('docs/failures.md', 'Twenty failures'),
      markdown('docs/hardware.md', 'On a real NIC'),
    ],
  },
  {
    heading: "For the service's author",
    pages: [
      markdown('docs/service.md', 'Lend and attach'),
      {file: 'libmlx5dek.html', name: 'libmlx5dek, in C', from: {list: LIBMLX5DEK, about: 'The library of services.'}},
      markdown('docs/library.md', 'From a program', 'program.html'),
      {file: 'library.html', name: 'mlx5-dek', from: {make: () => libraryPage('mlx5-dek')}},
      {file: 'library-virtual.html', name: 'mlx5-dek/virtual', from: {make: () => libraryPage('mlx5-dek/virtual')}},
    ],
  },
  {
    heading: 'Reference',
    pages: [
      {file: 'commands.html', name: 'Commands', from: {list: COMMANDS, about: 'A manual page for each command.'}},
      manual('man/dek-manifest.5'),
      manual('man/dek-envelope.5'),
      manual('man/dek-attach.7'),
      manual('man/dek-fleet.7'),
      manual('virtual-connectx/man/vcx.1'),
      markdown('docs/errors.md', 'Errors'),
      {file: 'explain.html', name: 'Errnos, statuses, verdicts', from: {make: explainPage}},
      markdown('docs/metrics.md', 'Metrics'),
      {
        file: 'assumptions.html',
        name: 'Assumptions',
        from: {markdown: 'docs/virtual-connectx.md', section: 'What it assumes'},
      },
    ],
  },
  {
    heading: 'The project',
    pages: [
      markdown('docs/architecture.md', 'Architecture'),
      markdown('bench/README.md', 'Benches', 'bench.html'),
      markdown('vectors/README.md', 'Known answers', 'vectors.html'),
      markdown('SECURITY.md', 'Security'),
      markdown('CONTRIBUTING.md', 'Contributing'),
      markdown('CHANGELOG.md', 'Changes'),
    ],
  },
];

/** All of them, with the manual pages that the navigation has behind one entry. */
export const PAGES: readonly Page[] = PARTS.flatMap(({pages}) => pages).flatMap((page) =>
  'list' in page.from ? [page, ...page.from.list] : [page],
);
