/**
 * The blocks that are not run from their own text, by page and by how they begin: which test runs the same, or why none
 * can. A test compares this list with the pages.
 */

const PACKAGE = 'npm run test:package does it in bare roots of Debian';
const TYPED = 'npm run test:package types it in bare roots of Debian, from the text of the page';
const KEYRING = 'test/commands/kek.test.ts, with keyrings of its own';
const VM = 'npm run test:vm does it, in a virtual machine';
const PEERS = 'npm run test:peers does it';
const CLONE = '.ci/run begins with it; npm makes such a link as well: test/package/install.slow.test.ts';
const SHOWN = 'shows a file, and no command';

export const ELSEWHERE: Readonly<Record<string, readonly (readonly [begins: string, why: string])[]>> = {
  'README.md': [
    ['apt install ', PACKAGE],
    ['npm run demo', CLONE],
  ],
  'docs/architecture.md': [['main -> commands', 'test/imports.test.ts compares it']],
  'docs/custody.md': [
    ['--kek file:', 'words of sources: test/custody/sources tries each'],
    ['dek kek copy', KEYRING],
    ["--kek 'pkcs11:", 'words of wrappers: test/custody/wrappers tries each'],
  ],
  'docs/install.md': [
    ['apt install', TYPED],
    ['install -m 644 manifest', `${TYPED}, but for --now; with a systemd ${VM}: systemd-unit.sh`],
    ['rpm --install', TYPED],
    ['podman load', 'scripts/package/try-image types it'],
    ['tar -xzf', TYPED],
    ['cp /opt/dek', TYPED],
    ['npm pack', `${TYPED}; test/package/install.slow.test.ts packs and installs as well`],
    ['npm install --global --allow-scripts', TYPED],
    ['ssh-keygen -Y sign', TYPED],
  ],
  'docs/operator.md': [['# install -m 644', `${VM}: systemd-unit.sh`]],
  'docs/sealed.md': [['# once', 'needs a CAAM, as the page says']],
  'docs/service.md': [
    ['$ make -C client install', 'test/client/install.test.ts'],
    ['#include <mlx5dek.h>', 'test/client/install.test.ts compiles it'],
  ],
  'docs/signed.md': [
    ['alice namespaces', SHOWN],
    ['{"dek-release"', SHOWN],
    ['# dek events', `${VM}: systemd-unit.sh; test/audit/journal.nic.test.ts`],
  ],
  'docs/start.md': [
    ['apt install', PACKAGE],
    ['npm run demo', CLONE],
  ],
  'docs/virtual-connectx.md': [
    ['$ dek virtual exec nic -- ibv_rc_pingpong', `${PEERS}: test/peers/pairs.ts, at a port that is free`],
    ['jobs:', 'GitHub runs it; its commands are those of the page'],
    ['FROM node', 'needs a registry of images; unshare(1) was tried, as the page says'],
    ['export UCX_TLS=rc_v,self', 'by hand, as the page says: test:peers has no UCX'],
    ['dek virtual create nic --kek-id 0', `${PEERS}: test/peers/pairs.ts`],
    ['umask 077', `${PEERS}: test/peers/dpdk.ts`],
    ["import {spawn} from 'node:child_process';", 'test/virtual/index.nic.test.ts, from its own text'],
  ],
};
