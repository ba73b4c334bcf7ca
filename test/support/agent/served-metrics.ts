/** What an agent serves at /metrics when all kinds of samples are there. */
import {Events} from '../../../src/agent/events.js';
import {Metrics} from '../../../src/agent/server/metrics.js';
import {agentStatus} from './agent-status.js';

export function servedMetrics(): Promise<string> {
  const events = new Events();
  const metrics = new Metrics(events, [], async () => agentStatus());
  events.emit('debug', 'made', {device: 'mlx5_0', deks: 1, refused: ['EINVAL'], seconds: 1});
  const proofs = {deks: 1, ok: 1, recorded: 0, wrong: 0, notProvable: 0, verdicts: {ok: 1}};
  events.emit('info', 'prove', {device: 'mlx5_0', ...proofs});
  return metrics.text();
}
