/** Where an agent's manifest comes from: a file, a file that is watched, or a fleet. */
import type {Agent} from '../agent.js';

/** Starts an agent with the manifest at this path; undefined: with none. */
export type OpenAgent = (path: string | undefined) => Promise<Agent>;

export interface ManifestSource {
  /** The name by which it knows this host; undefined: it knows none. */
  readonly host: string | undefined;
  /** Where it keeps what outlives the agent; undefined: nowhere. */
  readonly stateDirectory: string | undefined;
  /** Starts the agent with what there is, and follows what comes from then on. */
  start(open: OpenAgent): Promise<Agent>;
  /** Follows no more; before the agent is closed. */
  close(): Promise<void>;
}

/** A file that is read at the start, and when the agent is told to. */
export class ManifestOnDisk implements ManifestSource {
  readonly host = undefined;
  readonly stateDirectory = undefined;
  readonly #path: string | undefined;

  constructor(path: string | undefined) {
    this.#path = path;
  }

  start(open: OpenAgent): Promise<Agent> {
    return open(this.#path);
  }

  async close(): Promise<void> {}
}
