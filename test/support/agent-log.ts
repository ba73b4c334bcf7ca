/** Waiting for an agent: for what it tells, and for what is in its log. */
import {setTimeout as pause} from 'node:timers/promises';
import type {EventName} from '../../src/agent/events.js';
import {isReady} from '../../src/agent/protocol.js';
import type {AgentProcess} from './agent-process.js';

/** An event as it stands in the log. */
export type LoggedEvent = Record<string, unknown>;

/** The last resort against a test that hangs; nothing is measured by it. */
const PATIENCE_MS = 60_000;

/** Waits until `condition` holds. */
export async function eventually(
  what: string | (() => string),
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end; await pause(20)) {
    if (await condition()) return;
  }
  throw new Error(`it did not come true: ${typeof what === 'string' ? what : what()}`);
}

/** Waits until the agent says that all is READY. */
export function allReady(agent: AgentProcess): Promise<void> {
  return eventually(
    () => `all READY; log: ${agent.log.slice(-2000)}`,
    async () => isReady(await agent.client.status()),
  );
}

/** What the agent logged of this name so far. */
export function logged(agent: AgentProcess, event: EventName): LoggedEvent[] {
  const lines = agent.log.slice(0, agent.log.lastIndexOf('\n') + 1).split('\n');
  const events = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as LoggedEvent);
  return events.filter((one) => one['event'] === event);
}

/** Waits until the agent has logged an event of this name for which `is` holds; resolves to it. */
export async function untilLogged(
  agent: AgentProcess,
  event: EventName,
  is: (event: LoggedEvent) => boolean = () => true,
): Promise<LoggedEvent> {
  await eventually(
    () => `the event ${event}; log: ${agent.log.slice(-2000)}`,
    () => logged(agent, event).some(is),
  );
  return logged(agent, event).find(is)!;
}
