/**
 * The README's own text, run: each block after a line `<!-- run: NAME -->`, on a virtual ConnectX of its own. What it
 * prints is compared where the README shows it; a command that shows no error has to end with 0.
 */
import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {temporaryDirectory} from './support/temporary-directory.js';
import {Terminal} from './support/terminal.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const README = fs.readFileSync(join(ROOT, 'README.md'), 'utf8');

/** What is there before a block, as commands of a shell, besides what terminal.ts names; and what ends it. */
interface Stage {
  before?: string[];
  after?: string;
}

const CREDENTIAL = 'dek credential wrap file:nic/officer/credential --kek file:kek --output credential.wrapped';
const KEY = 'dek keygen --keytag --kek file:kek --output vol-1.wrapped';
const LOGIN = 'dek login --credential credential.wrapped --credential-id 0x10 --import-kek-id 0x20';
/** A manifest of so many DEKs. */
const manifest = (deks: number): string =>
  `dek keygen --count ${deks} --name 'vol-%03d' --keytag --kek file:kek --import-kek-id 0x20 --credential-id 0x10 ` +
  '--credential credential.wrapped > manifest';
const INSTALLED = 'mkdir -p etc/dek && cp manifest etc/dek/manifest';
/** A program that is not here: what it is given goes through. */
const program = (name: string, text: string): string =>
  `printf '%s\n' '#!/bin/sh' '${text}' > ${name} && chmod 755 ${name}`;

const STAGES: Record<string, Stage> = {
  login: {before: ['dek agent &', CREDENTIAL, KEY, 'flip-a-bit vol-1.wrapped > altered.wrapped']},
  try: {before: ['rm nic']},
  operational: {before: ['cp nic/officer/credential credential', 'dek virtual set nic state=commissioning']},
  officer: {before: ['cp nic/officer/credential credential']},
  host: {before: [CREDENTIAL, KEY]},
  manifest: {before: [CREDENTIAL]},
  run: {before: [CREDENTIAL, manifest(3), INSTALLED, program('bin/storage', 'dek list')]},
  lend: {
    before: [
      ...[CREDENTIAL, manifest(2), INSTALLED, `make -s -C ${ROOT}client examples BUILD="$PWD/built"`],
      program('bin/storage', 'exec built/blockstore --lend --seconds 1 --blocks 256 store vol-001 vol-002'),
    ],
  },
  fleet: {
    before: [
      ...[CREDENTIAL, manifest(100), INSTALLED],
      program('bin/dek-fleet-start', `exec ${ROOT}contrib/fleet/dek-fleet-start -s "$DEK_AGENT_SOCKET" -l log "$@"`),
    ],
    after: 'kill "$(dek status --json | jq .pid)" && while dek status > status; do sleep 0.1; done',
  },
  volume: {before: [CREDENTIAL, manifest(100), 'dek agent --manifest manifest &']},
  rotate: {
    before: [
      ...[CREDENTIAL, manifest(101), 'dek agent --manifest manifest &'],
      'head -c 32 /dev/urandom > kek-2 && chmod 600 kek-2',
    ],
  },
  many: {before: ['head -c 72000 /dev/urandom > keys.bin && chmod 600 keys.bin', CREDENTIAL, manifest(1)]},
  watch: {before: ['dek agent &', CREDENTIAL, LOGIN]},
  life: {before: [CREDENTIAL, KEY, program('start-storage.sh', `${LOGIN} && dek create vol-1 vol-1.wrapped`)]},
  pipe: {before: ['cp kek kek.age', program('bin/age', 'cat "$2"')]},
  seal: {before: ['export STATE_DIRECTORY="$PWD/state"']},
  whole: {before: [KEY]},
  prove: {
    before: [
      ...['dek agent &', CREDENTIAL, LOGIN],
      'dek wrap file:plain-256-keytag --kek file:kek --output vol-1.wrapped',
    ],
  },
  script: {before: ['dek agent &', CREDENTIAL, LOGIN, KEY, 'dek create vol-1 vol-1.wrapped']},
  doctor: {before: ['dek virtual set nic state=commissioning']},
  program: {before: [CREDENTIAL]},
  faults: {},
};

/** What is elsewhere, or without end, or too much for a test. */
const INSTEAD: readonly (readonly [string, string])[] = [
  ['/etc/dek/', 'etc/dek/'],
  ['/usr/sbin/storage', 'storage'],
  ['/run/dek/agent.sock', 'agent.sock'],
  ['dek status --follow', 'timeout 1 dek status --follow || true'],
  ['1000000', '1000'],
];
/**
 * Blocks that are not run here: how tests start; `npm run test:package`; test/package/install.slow.test.ts; two hosts,
 * an agent for ssh and a TPM (test/agent/gate, test/commands/manifest).
 */
const ELSEWHERE = ['npm run demo', 'apt install', 'npm pack', 'officer$ dek'];

/** What stands before the README's program, which leaves to its readers where keys come from. */
const KEYS = `
import {randomBytes} from 'node:crypto';
import {readFileSync} from 'node:fs';
const [kek, credential] = [readFileSync('kek'), readFileSync('credential.wrapped')] as const;
const [key1, key2, keytag] = [randomBytes(32), randomBytes(32), randomBytes(8)] as const;
`;

interface Block {
  name: string | undefined;
  text: string;
}

const blocks: Block[] = [
  ...README.matchAll(/^( *)(?:<!-- run: (?<name>\w+) -->\n *)?```(?:ts)?\n(?<text>[\s\S]*?)\n *```$/gm),
].map(({1: indent, groups}) => ({
  name: groups!['name'],
  text: groups!['text']!.replaceAll(`\n${indent}`, '\n').trim(),
}));

describe('README', function () {
  this.timeout(120_000);

  it('has a stage for each block that is run, and runs all others elsewhere', () => {
    expect(blocks.flatMap(({name}) => name ?? [])).to.have.members(Object.keys(STAGES));
    const others = blocks.filter(({name}) => name === undefined).map(({text}) => /^\w+\$? \w+( demo)?/.exec(text)?.[0]);
    expect(others).to.deep.equal(ELSEWHERE);
  });

  for (const {name, text} of blocks) {
    if (name === undefined || name === 'program' || STAGES[name] === undefined) continue;
    const {before = [], after} = STAGES[name];
    it(`shows what is so: ${name}`, async () => {
      await Terminal.with(async (terminal) => {
        for (const line of before) await expectSuccess(terminal, line);
        for (const {command, shown} of commandsOf(INSTEAD.reduce((all, [a, b]) => all.replaceAll(a, b), text))) {
          const {output, exit} = await terminal.run(command);
          if (!shown.startsWith('error: ')) expect(exit, `${command}\n${output}`).to.equal(0);
          if (shown !== '') expect(common(output), command).to.equal(common(shown));
        }
        if (after !== undefined) await expectSuccess(terminal, after);
      });
    });
  }

  describe('program', () => {
    const [example] = blocks.filter(({name}) => name === 'program');
    const [imports, ...rest] = example!.text.split('\n\n');
    let folder: string;

    before(() => {
      folder = temporaryDirectory();
      fs.mkdirSync(join(folder, 'node_modules'));
      fs.symlinkSync(ROOT, join(folder, 'node_modules/mlx5-dek'));
      fs.symlinkSync(join(ROOT, 'node_modules/@types'), join(folder, 'node_modules/@types'));
      fs.writeFileSync(join(folder, 'example.mts'), [imports, KEYS, ...rest].join('\n\n'));
    });
    after(() => fs.rmSync(folder, {recursive: true}));

    for (const words of ['--module nodenext', '--module esnext --moduleResolution bundler']) {
      it(`compiles with ${words}`, () => {
        const strict = [
          '--strict',
          '--exactOptionalPropertyTypes',
          '--noUncheckedIndexedAccess',
          '--skipLibCheck',
          'false',
        ];
        const flags = ['--ignoreConfig', '--target', 'es2023', '--types', 'node', ...strict, ...words.split(' ')];
        const tsc = join(ROOT, 'node_modules/.bin/tsc');
        const {status, stdout} = spawnSync(tsc, [...flags, 'example.mts'], {cwd: folder, encoding: 'utf8'});
        expect(status, stdout).to.equal(0);
      });
    }

    it('runs', async () => {
      await Terminal.with(async (terminal) => {
        await expectSuccess(terminal, CREDENTIAL);
        const {output, exit} = await terminal.run(`dek run -- '${process.execPath}' '${join(folder, 'example.mjs')}'`);
        expect({output, exit}).to.deep.equal({output: 'READY\n', exit: 0});
      });
    });
  });
});

async function expectSuccess(terminal: Terminal, line: string): Promise<void> {
  const {output, exit} = await terminal.run(line);
  expect(exit, `${line}\n${output}`).to.equal(0);
}

/** Commands with what they print; one that ends with a backslash goes on in the next line. */
function commandsOf(text: string): {command: string; shown: string}[] {
  return text
    .replaceAll('\\\n', ' ')
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command, ...shown] = part.trimEnd().split('\n');
      return {command: command!.replace(/ {2,}#.*$/, ''), shown: shown.join('\n')};
    });
}

/** A text without what differs each time: key check values, processes, spaces at the end. */
function common(text: string): string {
  return text
    .trimEnd()
    .replace(/ +$/gm, '')
    .replace(/\bKCV [0-9a-f]{10}\b/g, 'KCV')
    .replace(/process \d+/g, 'process');
}
