/** GET /v1/events: what happens in the agent, from now on, to each who asks. */
import {setTimeout as pause} from 'node:timers/promises';
import {type AgentEvent, type Events, eventOf} from '../events.js';
import type {AgentStatus} from '../protocol.js';
import {JsonLines} from './json-lines.js';

/** How long those who follow the events have, when the agent ends, to read what they were not told yet. */
const FAREWELL_MS = 1000;

export class EventStream {
  readonly #events: Events;
  readonly #status: () => Promise<AgentStatus>;
  readonly #followers = new Set<JsonLines>();

  constructor(events: Events, status: () => Promise<AgentStatus>) {
    this.#events = events;
    this.#status = status;
  }

  /**
   * The answer to one who follows: the status, then each event. One who reads too slowly is cut off: nothing is kept.
   */
  follow(): JsonLines {
    const lines = new JsonLines();
    this.#followers.add(lines);
    /** What comes before the status is there, which is told first. */
    let early: AgentEvent[] | undefined = [];
    const tell = (event: AgentEvent): void => {
      if (!lines.write(event)) lines.cutOff();
    };
    const stop = this.#events.listen((event) => (early ? void early.push(event) : tell(event)), 'info');
    lines.body.once('close', () => {
      stop();
      this.#followers.delete(lines);
    });
    const begin = (status: AgentStatus): void => {
      lines.write(eventOf('info', 'status', status));
      early?.forEach(tell);
      early = undefined;
    };
    this.#status().then(begin, () => lines.cutOff());
    return lines;
  }

  /** Ends every stream, whole for those who read it; the server cuts off the others. */
  async end(): Promise<void> {
    const ends = Promise.all([...this.#followers].map((lines) => lines.finish()));
    await Promise.race([ends, pause(FAREWELL_MS, undefined, {ref: false})]);
  }
}
