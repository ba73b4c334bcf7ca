/** The gate of the agent: whether whom it believes can be read, and is enough. */
import {DekError} from '../../../errors.js';
import {isFleetUri} from '../../../fleet/uri.js';
import {agentWords, gateOf} from '../../agent-words.js';
import {type Check, found, well} from '../../check.js';
import {askedAsync} from '../../scene.js';

export const gate: Check = {
  name: 'gate',
  verdicts: {
    'signers-unusable': {
      level: 'fix',
      text: 'the allowed signers cannot be used: the agent takes up no manifest',
      fix: 'mend the file, whose form ssh-keygen(1) has under ALLOWED SIGNERS; its owner alone may write it',
    },
    'threshold-too-high': {
      level: 'fix',
      text: 'more have to sign than there are allowed signers: no manifest can ever be taken up',
      fix: 'name more signers, or lower --threshold of the agent',
    },
    'not-gated': {
      level: 'note',
      text: 'the agent takes up manifests that nobody has signed, and is to be on a fleet',
      fix: 'dek agent --allowed-signers FILE: else whoever writes the store decides which DEKs there are',
    },
  },
  async look(scene) {
    const {allowedSigners, threshold} = await gateOf(scene);
    if (allowedSigners === undefined) {
      const words = await agentWords(scene);
      if (words === undefined) return [];
      const isFleet = isFleetUri(words.value('--manifest') ?? '');
      return [isFleet ? found('not-gated', 'no --allowed-signers') : well('nothing has to be signed')];
    }
    const {readTrust} = await import('../../../manifest/acceptance/signed-files.js');
    const trust = await askedAsync(() => readTrust(allowedSigners, threshold, {isStrict: true}));
    if (!(trust instanceof DekError)) {
      return [well(`${threshold} of ${trust.signers.length} allowed signers have to sign`, allowedSigners)];
    }
    const verdict = trust.code === 'BAD_ARGUMENT' ? 'threshold-too-high' : 'signers-unusable';
    return [found(verdict, trust.message, allowedSigners)];
  },
};
