/** How an agent is, for tests of what is made of it: one NIC, one context that a service lends, three DEKs. */
import type {AgentStatus} from '../../../src/agent/protocol.js';

const DEKS = {total: 3, ready: 3, error: 0, unknown: 0, proven: 3, wrong: 0};
const LOGIN = {state: 'VALID', credentialId: 0x10, importKekId: 0x20} as const;

export function agentStatus(changes: Partial<AgentStatus> = {}): AgentStatus {
  return {
    version: '0.1.0',
    pid: 4711,
    starting: false,
    signedOnly: false,
    lends: false,
    contexts: [{device: 'mlx5_0', kind: 'lent', pid: 4712, uid: 0, gone: false, login: LOGIN, deks: DEKS, old: 0}],
    devices: [{name: 'mlx5_0', importMode: 'wrapped', gone: false, login: LOGIN, maxDeks: 131_072}],
    deks: DEKS,
    proveShare: null,
    manifest: {
      path: '/etc/dek/manifest',
      digest: 'ab'.repeat(32),
      id: 'cd'.repeat(16),
      generation: 1,
      notAfter: '2030-01-01T00:00:00Z',
      signers: [],
      appliedAt: '2029-01-01T00:00:00Z',
      failed: 0,
    },
    heals: 0,
    ...changes,
  };
}
