/** `--key SOURCE` of whoever signs: a private key in a source, or one that an ssh-agent has. */
import {wipe} from '../../bytes.js';
import {readSecretText} from '../../custody/source.js';
import {SOURCE_FORMS} from '../../custody/sources/table.js';
import {DekError} from '../../errors.js';
import type {KeyThatSigns} from '../../manifest/signature/sign.js';
import type {AgentKey} from '../../manifest/signature/ssh-agent.js';

/** What `--key` may be. */
export const KEY_FORMS = `ssh-agent, ssh-agent:SHA256:FINGERPRINT, ${SOURCE_FORMS}`;

/** The key that `spec` names; `note` tells the person that it may have to be touched. Throws what reading it throws. */
export async function openSigningKey(spec: string, note: (text: string) => void): Promise<KeyThatSigns> {
  if (spec !== 'ssh-agent' && !spec.startsWith('ssh-agent:')) return keyInSource(spec);
  const socket = process.env['SSH_AUTH_SOCK'];
  if (!socket) {
    throw new DekError('NO_INPUT', 'no ssh-agent: $SSH_AUTH_SOCK is not set', {
      hint: 'eval $(ssh-agent), and ssh-add KEY; over ssh: ssh -A',
    });
  }
  const {agentKeys} = await import('../../manifest/signature/ssh-agent.js');
  const key = chosen(await agentKeys(socket), spec.slice('ssh-agent:'.length));
  if (key.publicKey.application !== null) note(`touch ${key.comment || key.publicKey.fingerprint} when it blinks`);
  return key;
}

function chosen(keys: readonly AgentKey[], fingerprint: string): AgentKey {
  const fitting = fingerprint === '' ? keys : keys.filter(({publicKey}) => publicKey.fingerprint === fingerprint);
  if (fitting.length === 1) return fitting[0]!;
  const list = keys.map(({publicKey, comment}) => `${publicKey.fingerprint} ${comment}`.trim()).join('; ');
  if (keys.length === 0) {
    throw new DekError('NO_INPUT', 'ssh-agent has no key that can sign', {hint: 'ssh-add KEY'});
  }
  const text = fingerprint === '' ? `ssh-agent has ${keys.length} keys` : 'ssh-agent has no key of this fingerprint';
  throw new DekError(fingerprint === '' ? 'BAD_ARGUMENT' : 'NO_INPUT', `${text}: ${list}`, {
    hint: 'name one: --key ssh-agent:SHA256:...',
  });
}

async function keyInSource(spec: string): Promise<KeyThatSigns> {
  const {MAX_PRIVATE_KEY_BYTES, privateKeyOf} = await import('../../manifest/signature/private-key.js');
  const text = await readSecretText(spec, MAX_PRIVATE_KEY_BYTES, 'private key');
  try {
    return privateKeyOf(text, 'the private key');
  } finally {
    wipe(text);
  }
}
