/**
 * What is there before each session of a page that is run, besides what test/support/process/terminal.ts names, as
 * commands of a shell. One that ends with `bash` is a shell in which all that follows runs.
 */
import {ROOT} from './blocks.js';

export interface Stage {
  readonly before?: readonly string[];
  /** What ends it. */
  readonly after?: string;
  /** There is a TPM, in software; where the page has `tpm:INDEX` it is this one. */
  readonly tpm?: boolean;
}

const CREDENTIAL = 'dek credential wrap file:nic/officer/credential --kek file:kek --output credential.wrapped';
const KEY = 'dek keygen --keytag --kek file:kek --output vol-1.wrapped';
const LOGIN = 'dek login --credential credential.wrapped --credential-id 0x10 --import-kek-id 0x20';
/** A manifest of so many DEKs. */
const manifest = (deks: number): string =>
  `dek keygen --count ${deks} --name 'vol-%03d' --keytag --kek file:kek --import-kek-id 0x20 --credential-id 0x10 ` +
  '--credential credential.wrapped > manifest';
const INSTALLED = 'mkdir -p etc/dek && cp manifest etc/dek/manifest';
const AGENT = 'dek agent --manifest manifest &';
/** A program that is not here: what it is given goes through. */
const program = (name: string, text: string): string =>
  `printf '%s\n' '#!/bin/sh' '${text}' > ${name} && chmod 755 ${name}`;
/** So many bytes, each of the value. */
const secret = (name: string, bytes: number, value: number): string =>
  `head -c ${bytes} /dev/zero | tr '\\0' '\\${value}' > ${name} && chmod 600 ${name}`;
const KEK_2 = secret('kek-2', 32, 2);
const BLOCKSTORE = `make -s -C ${ROOT}client examples BUILD="$PWD/built"`;

/** A card of two ports as it comes from the factory, and a shell in which it is there. */
const CARD = [
  ...['rm nic', secret('officer', 40, 3), secret('host', 40, 4)],
  'dek virtual create nic --commissioning --devices 2 --kek file:kek --credential file:officer',
  'dek virtual exec nic -- bash',
];
const OPERATIONAL = [
  ...CARD,
  'dek officer operational --kek file:kek --credential file:officer --yes',
  'dek credential wrap file:officer --kek file:kek --output officer.wrapped',
  'dek officer credential add file:host --role user --kek file:kek --credential officer.wrapped --credential-id 0 ' +
    '--import-kek-id 0 --all-ports',
  'dek credential wrap file:host --kek file:kek --output host.wrapped',
  "dek keygen --count 3 --name 'vol-%03d' --keytag --kek file:kek --import-kek-id 0 --credential-id 1 " +
    '--credential host.wrapped --device mlx5_0,mlx5_1 --output fleet.manifest',
  KEK_2,
  'dek agent --manifest fleet.manifest &',
];

/** SSH keys of two officers, one of them in an agent for SSH keys; and who is allowed. */
const SIGNERS = [
  "ssh-keygen -q -t ed25519 -N '' -f alice && ssh-keygen -q -t ed25519 -N '' -f bob",
  'for name in alice bob; do echo "$name $(cut -d " " -f 1,2 $name.pub)"; done > allowed_signers',
  program('bin/ssh-agent-here', 'ssh-agent -D -a ssh-agent.sock & trap "kill $!" TERM; wait; exit 0'),
  'ssh-agent-here &',
  'export SSH_AUTH_SOCK="$PWD/ssh-agent.sock"; bash',
  'ssh-add -q alice',
];

/** A host with a manifest that both have signed. */
const SIGNED_HOST = [
  ...[CREDENTIAL, manifest(2), INSTALLED, ...SIGNERS],
  'cp allowed_signers etc/dek',
  'for name in alice bob; do dek manifest sign etc/dek/manifest --key file:$name; done',
];

export const STAGES: Readonly<Record<string, Readonly<Record<string, Stage>>>> = {
  'README.md': {
    session: {before: [CREDENTIAL, 'dek keygen --kek file:other-kek --output other.wrapped']},
    try: {before: ['rm nic']},
    run: {before: [CREDENTIAL, manifest(3), INSTALLED, program('bin/storage', 'dek list')]},
    volume: {before: [CREDENTIAL, manifest(100), AGENT]},
    rotate: {before: [CREDENTIAL, manifest(101), AGENT, KEK_2]},
  },
  'docs/custody.md': {pipe: {before: ['cp kek kek.age', program('bin/age', 'cat "$2"')]}},
  'docs/errors.md': {error: {before: ['dek agent &']}},
  'docs/failures.md': {
    row: {before: [CREDENTIAL, 'dek agent &', LOGIN, 'dek keygen --kek file:other-kek > other.wrapped']},
  },
  'docs/hardware.md': {
    trial: {before: ['cp nic/officer/credential officer', CREDENTIAL, 'cp credential.wrapped officer.wrapped']},
  },
  'docs/library.md': {},
  'docs/metrics.md': {metrics: {before: [CREDENTIAL, manifest(3), AGENT]}},
  'docs/officer.md': {
    card: {before: ['rm nic', program('bin/storage', 'dek list')]},
    wrap: {before: ['cp nic/officer/credential credential']},
    many: {before: ['head -c 72000 /dev/urandom > keys.bin && chmod 600 keys.bin', CREDENTIAL, manifest(1)]},
    rotate: {before: OPERATIONAL},
    hand: {before: [...OPERATIONAL, 'mkdir -p etc/dek']},
  },
  'docs/operator.md': {
    manifest: {before: [CREDENTIAL]},
    run: {before: [CREDENTIAL, manifest(3), INSTALLED, program('bin/storage', 'dek list')]},
    fleet: {
      before: [
        ...[CREDENTIAL, manifest(100), INSTALLED],
        program('bin/dek-fleet-start', `exec ${ROOT}contrib/fleet/dek-fleet-start -s "$DEK_AGENT_SOCKET" -l log "$@"`),
      ],
      after: 'kill "$(dek status --json | jq .pid)" && while dek status > status; do sleep 0.1; done',
    },
    status: {before: [CREDENTIAL, manifest(3), AGENT]},
    events: {before: [CREDENTIAL, manifest(3), AGENT]},
    volume: {before: [CREDENTIAL, manifest(100), AGENT]},
    follow: {before: [CREDENTIAL, manifest(3), INSTALLED]},
    hand: {before: [CREDENTIAL, KEY, 'flip-a-bit vol-1.wrapped > altered.wrapped']},
    prove: {
      before: [
        'dek agent &',
        CREDENTIAL,
        LOGIN,
        'dek wrap file:plain-256-keytag --kek file:kek --output vol-1.wrapped',
      ],
    },
    life: {before: [CREDENTIAL, KEY, program('start-storage.sh', `${LOGIN} && dek create vol-1 vol-1.wrapped`)]},
    doctor: {before: ['dek virtual set nic state=commissioning']},
  },
  'docs/sealed.md': {seal: {before: ['export STATE_DIRECTORY="$PWD/state"; bash']}},
  'docs/service.md': {
    agent: {before: [CREDENTIAL, manifest(2), INSTALLED]},
    lend: {
      before: [
        CREDENTIAL,
        manifest(2),
        INSTALLED,
        BLOCKSTORE,
        program('bin/storage', 'exec built/blockstore --lend --seconds 1 --blocks 256 store vol-001 vol-002'),
      ],
    },
    try: {before: [CREDENTIAL, manifest(2).replaceAll('%03d', '%d'), BLOCKSTORE]},
  },
  'docs/signed.md': {
    sign: {before: [CREDENTIAL, manifest(2), 'mv manifest fleet.manifest', ...SIGNERS]},
    release: {
      before: [
        CREDENTIAL,
        manifest(2),
        'mkdir old && cp manifest node-7.manifest && cp manifest old/node-7.manifest',
        'dek keygen --manifest node-7.manifest --name vol-9 --keytag --kek file:kek',
        ...SIGNERS,
      ],
    },
    host: {before: SIGNED_HOST},
    tpm: {before: SIGNED_HOST, tpm: true},
  },
  'docs/start.md': {
    selftest: {},
    start: {before: ['rm -r nic']},
    look: {},
    operational: {before: ['cp nic/officer/credential credential', 'dek virtual set nic state=commissioning']},
    run: {before: [CREDENTIAL, manifest(3), INSTALLED, program('bin/storage', 'dek list')]},
  },
  'docs/virtual-connectx.md': {
    own: {before: ['rm nic', 'ln -s /bin/true my-program']},
    debugger: {
      before: ['rm nic', 'dek virtual create nic', 'ln -s /bin/true my-program', program('bin/gdb', 'exec "$1"')],
    },
    faults: {},
  },
};

/** What is elsewhere, or without end, or too much for a test. */
export const INSTEAD: readonly (readonly [string, string])[] = [
  ['/etc/dek', 'etc/dek'],
  ['/usr/sbin/storage', 'storage'],
  ['/run/dek/agent.sock', 'agent.sock'],
  ['/var/lib/dek/seal.key', '~/state/seal.key'],
  ['dek status --follow', 'timeout 1 dek status --follow || true'],
  ['make -C client examples', 'true'],
  ['client/build/', 'built/'],
  ['--seconds 10', '--seconds 1 --blocks 256'],
  ['blocks 65536', 'blocks 256'],
  ['1000000', '1000'],
];
