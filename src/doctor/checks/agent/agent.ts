/** The agent: whether it answers, and whether its logins and DEKs are good. */
import type {AgentStatus, NicStatus} from '../../../agent/protocol.js';
import {DekError} from '../../../errors.js';
import {type Check, type Finding, found, well} from '../../check.js';

const HEALING = 'the agent heals it at its next check; if it stays so, see its log (journalctl -u dek-agent)';

export const agent: Check = {
  name: 'agent',
  verdicts: {
    'agent-none': {level: 'note', text: 'no agent runs', fix: 'dek agent &, or systemctl start dek-agent'},
    'agent-denied': {
      level: 'fix',
      text: 'this user may not talk to the agent',
      fix: 'join the group of its socket (usermod -a -G dek USER), or run as its user',
    },
    'agent-silent': {
      level: 'fix',
      text: 'the agent does not answer as it should',
      fix: 'see its log (journalctl -u dek-agent), and systemctl status dek-agent',
    },
    'agent-starting': {level: 'fix', text: 'the agent still applies its manifest', fix: 'wait: dek status --follow'},
    'agent-nic-gone': {
      level: 'fix',
      text: 'a NIC of the agent does not answer',
      fix: 'look for mlx5_core in the kernel log; the agent opens it again when it is back',
    },
    'login-missing': {
      level: 'fix',
      text: 'the agent is not logged in to a NIC of wrapped import',
      fix: 'dek login, or a manifest with a login: dek apply',
    },
    'login-invalid': {
      level: 'fix',
      text: 'the login is INVALID: the officer deleted its import KEK or its credential from the NIC',
      fix: 'ask the crypto officer; then dek login, or dek apply a manifest that was re-wrapped',
    },
    'deks-in-error': {level: 'fix', text: 'DEKs are in ERROR: the NIC lost their keys', fix: HEALING},
    'deks-unknown': {level: 'fix', text: 'the state of DEKs is not known', fix: HEALING},
    'deks-wrong': {
      level: 'fix',
      text: 'DEKs were shown to be wrong: they are not the keys that their check values name',
      fix: 'dek list shows which, and how; write no data under them',
    },
    'deks-missing': {
      level: 'fix',
      text: 'DEKs of the manifest could not be made',
      fix: 'dek apply --reload says why',
    },
    'deks-not-proven': {
      level: 'note',
      text: 'not all DEKs are PROVEN: that the NIC has the right keys is not shown',
      fix: 'dek prove, or dek agent --prove',
    },
    'deks-not-released': {
      level: 'note',
      text: 'services have not released DEKs that were replaced',
      fix: 'a service releases them by dek-attach(7); dek agent --release-within bounds that',
    },
  },
  async look(scene) {
    const status = await scene.agent();
    if (!(status instanceof DekError)) return [verdictOn(status)];
    const verdicts = {NO_AGENT: 'agent-none', PERMISSION: 'agent-denied'} as Readonly<Record<string, string>>;
    return [found(verdicts[status.code] ?? 'agent-silent', status.message)];
  },
};

/** The worst first: what is below may follow from it. */
function verdictOn(status: AgentStatus): Finding {
  const {deks, devices, contexts, manifest, starting, version, pid} = status;
  const tenants = contexts.filter((context) => context.pid !== null).length;
  const seen =
    `dek ${version}, process ${pid}: ${deks.total} DEKs, ${deks.ready} READY, ${deks.proven} PROVEN` +
    (tenants === 0 ? '' : `, ${tenants} contexts shared with services`);
  const old = contexts.reduce((sum, context) => sum + context.old, 0);
  const isMissing = ({importMode, login, gone}: NicStatus) => importMode === 'wrapped' && !gone && login === null;
  const rules: readonly (readonly [boolean, string])[] = [
    [starting, 'agent-starting'],
    [devices.some(({gone}) => gone), 'agent-nic-gone'],
    [devices.some(({login}) => login?.state === 'INVALID'), 'login-invalid'],
    [!status.lends && devices.some(isMissing), 'login-missing'],
    [deks.wrong > 0, 'deks-wrong'],
    [deks.error > 0, 'deks-in-error'],
    [deks.unknown > 0, 'deks-unknown'],
    [(manifest?.failed ?? 0) > 0, 'deks-missing'],
    [old > 0, 'deks-not-released'],
    [deks.proven < deks.total, 'deks-not-proven'],
  ];
  const [, verdict] = rules.find(([holds]) => holds) ?? [];
  return verdict === undefined ? well(seen) : found(verdict, seen);
}
