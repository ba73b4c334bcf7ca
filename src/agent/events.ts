/**
 * What happens in the agent, told once to all who listen: the log (JSON lines on stderr), the stream of GET /v1/events,
 * the counters of GET /metrics. Fields are facts, never key material.
 */

/** `debug` is for the counters alone: neither logged nor streamed. */
export type Level = 'debug' | 'info' | 'warn' | 'error';

export interface AgentEvent {
  /** ISO 8601, UTC. */
  time: string;
  level: Level;
  /** What happened: `create`, `heal`, `device-gone` ... dek-agent(8) lists them. */
  event: string;
  [field: string]: unknown;
}

type Listener = (event: AgentEvent) => void;

const LEVELS: readonly Level[] = ['debug', 'info', 'warn', 'error'];

export class Events {
  readonly #listeners = new Set<Listener>();

  emit(level: Level, event: string, fields: Record<string, unknown> = {}): void {
    const told: AgentEvent = {time: new Date().toISOString(), level, event, ...fields};
    for (const listener of this.#listeners) listener(told);
  }

  /** Calls `listener` for each event of at least this level from now on; returns the way to stop it. */
  listen(listener: Listener, least: Level = 'debug'): () => void {
    const filtered: Listener = (event) => {
      if (LEVELS.indexOf(event.level) >= LEVELS.indexOf(least)) listener(event);
    };
    this.#listeners.add(filtered);
    return () => this.#listeners.delete(filtered);
  }
}

/** Writes events of at least this level to stderr. */
export function logTo(events: Events, least: Level): void {
  events.listen((event) => process.stderr.write(`${JSON.stringify(event)}\n`), least);
}
