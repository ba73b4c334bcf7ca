/** Whether each NIC makes DEKs as it is: engines, import mode, commissioning, self-tests. */
import type {Device} from '../../../rdma/index.js';
import {type Check, type Finding, found, well} from '../../check.js';
import type {NicCaps} from '../../scene.js';

const OFFICER = 'a crypto officer loads a first KEK and credential and makes it operational: dek officer operational';

export const crypto: Check = {
  name: 'crypto',
  verdicts: {
    'selftests-failed': {
      level: 'fix',
      text: 'self-tests of the crypto have FAILED',
      fix: 'do not use the crypto of this NIC; report the code to NVIDIA support',
    },
    'crypto-off': {
      level: 'fix',
      text: 'the firmware has no crypto switched on: the model has none, or DATA_CRYPTO_ENGINE is DISABLED',
      fix: 'mlxconfig -d DEVICE query DATA_CRYPTO_ENGINE; set it to ENABLED and reset the NIC; see the part number',
      basis: 'assumed',
    },
    'no-engine': {
      level: 'fix',
      text: 'libmlx5 sees no AES-XTS engine that the firmware has: the library is older than the engine',
      fix: 'update rdma-core to 44 or later',
      basis: {seen: 'libmlx5: the engine with big-endian tweak is known from rdma-core 44 on'},
    },
    'caps-unknown': {
      level: 'fix',
      text: 'the NIC did not tell what its crypto can do',
      fix: 'look for mlx5_core in the kernel log; update the firmware and rdma-core',
    },
    commissioning: {
      level: 'fix',
      text: 'the NIC is not operational (commissioning): it takes no logins yet',
      fix: OFFICER,
      basis: 'assumed',
    },
    'going-to-commissioning': {
      level: 'note',
      text: 'the NIC goes back to commissioning at its next reset: logins and DEKs end there',
      fix: 'have a crypto officer at hand for that reset',
    },
    'changed-since-open': {
      level: 'fix',
      text: 'what the NIC can do has changed since the agent opened it: libmlx5 goes by what it was',
      fix: 'restart the agent',
    },
    'no-keks': {
      level: 'note',
      text: 'no import KEK, or no credential, is in the non-volatile memory of the NIC',
      fix: 'a login needs one of each, under the ids that it names; the officer: dek officer kek add, credential add',
      basis: 'assumed',
    },
  },
  async look(scene) {
    const agent = await scene.agent();
    return (await scene.nics()).map((nic) => {
      const finding = look(scene.capsOf(nic), nic);
      if (finding.verdict !== null || agent instanceof Error) return finding;
      const held = agent.devices.find(({name}) => name === nic.name);
      const differs = held !== undefined && !held.gone && held.importMode !== nic.caps.importMode;
      return differs
        ? found('changed-since-open', `${finding.seen}; to the agent ${held.importMode}`, nic.name)
        : finding;
    });
  },
};

function look({caps, hca}: NicCaps, {name}: Device): Finding {
  const engines = [hca.singleBlock ? 'single-block' : '', hca.multiBlock ? 'multi-block' : ''].filter(Boolean);
  const seen = `${caps.importMode} import, engines: ${engines.join(' and ') || 'none'}`;
  if (caps.failedSelftests !== 0) {
    return found('selftests-failed', `code 0x${caps.failedSelftests.toString(16).padStart(4, '0')}`, name);
  }
  if (!hca.isTold) return found('caps-unknown', `${caps.importMode} import, the firmware refuses to tell more`, name);
  if (!hca.crypto || engines.length === 0) return found('crypto-off', seen, name);
  if (caps.importMode === 'unknown') return found('caps-unknown', seen, name);
  if (caps.importMode === 'none') return found('no-engine', seen, name);
  if (caps.importMode === 'plaintext') return well(seen, name);
  if (!caps.operational) return found('commissioning', seen, name);
  const keys = `${hca.nvImportKeks} KEKs and ${hca.nvCredentials} credentials on the NIC`;
  if (caps.goingToCommissioning) return found('going-to-commissioning', seen, name);
  if (hca.nvImportKeks === 0 || hca.nvCredentials === 0) return found('no-keks', `${seen}, ${keys}`, name);
  return well(`${seen}, operational, ${keys}`, name);
}
