/** Waiting for an agent: for what it tells, and for what is in its log. */
import type {EventName} from '../../../src/agent/events.js';
import {isReady} from '../../../src/agent/protocol.js';
import {until} from '../until.js';
import type {AgentProcess} from './agent-process.js';

/** An event as it stands in the log. */
export type LoggedEvent = Record<string, unknown>;

/** Waits until the agent says that all is READY. */
export function allReady(agent: AgentProcess): Promise<void> {
  return until(
    async () => isReady(await agent.client.status()),
    () => `all READY; log: ${agent.log.slice(-2000)}`,
  );
}

/** What the agent logged of this name so far. */
export function logged(agent: AgentProcess, event: EventName): LoggedEvent[] {
  const lines = agent.log.slice(0, agent.log.lastIndexOf('\n') + 1).split('\n');
  const events = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as LoggedEvent);
  return events.filter((one) => one['event'] === event);
}

/**
 * Waits until the agent has logged that it made `count` DEKs again, on all NICs or on `device`; resolves to the events.
 * A check may be half done when they become bad: what it does not find the next one does.
 */
export async function untilHealed(agent: AgentProcess, count: number, device?: string): Promise<LoggedEvent[]> {
  const healed = (): LoggedEvent[] =>
    logged(agent, 'heal').filter((event) => 'deks' in event && (device === undefined || event['device'] === device));
  await until(
    () => healed().reduce((sum, {deks}) => sum + Number(deks), 0) === count,
    () => `${count} DEKs are healed; log: ${agent.log.slice(-2000)}`,
  );
  return healed();
}

/** Waits until the agent has logged an event of this name for which `is` holds; resolves to it. */
export async function untilLogged(
  agent: AgentProcess,
  event: EventName,
  is: (event: LoggedEvent) => boolean = () => true,
): Promise<LoggedEvent> {
  await until(
    () => logged(agent, event).some(is),
    () => `the event ${event}; log: ${agent.log.slice(-2000)}`,
  );
  return logged(agent, event).find(is)!;
}
