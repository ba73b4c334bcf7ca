/** Tries the login that a manifest has in store for the next KEK, now and then, until the NICs take it. */
import {toHex} from '../../bytes.js';
import type {ReportedNextLogin} from '../../fleet/layout/report.js';
import {oneLine} from '../../fleet/layout/report.js';
import type {NextLogin} from '../../manifest/fields/edition.js';
import type {Agent} from '../agent.js';
import {ManifestFile} from '../set/manifest-file.js';

/** Until the NICs take it, and from then on: a KEK can go again. */
const AGAIN_MS = {invalid: 10_000, valid: 300_000};

export class NextLoginTrial {
  readonly #agent: Agent;
  readonly #signal: AbortSignal;
  readonly #onChange: () => void;
  #login: NextLogin | null = null;
  #timer: NodeJS.Timeout | undefined;
  #trying: Promise<void> = Promise.resolve();
  #result: ReportedNextLogin | null = null;

  constructor(agent: Agent, signal: AbortSignal, onChange: () => void) {
    this.#agent = agent;
    this.#signal = signal;
    this.#onChange = onChange;
    signal.addEventListener('abort', () => clearTimeout(this.#timer));
  }

  get result(): ReportedNextLogin | null {
    return this.#result;
  }

  /** From now on that of the manifest at this path. */
  of(path: string | undefined): void {
    this.#trying = this.#trying.then(() => this.#read(path)).then(() => this.#try());
  }

  /** Resolves when nothing is tried any more. */
  async ended(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#trying;
  }

  async #read(path: string | undefined): Promise<void> {
    this.#login = null;
    this.#result = null;
    if (path === undefined) return;
    try {
      const manifest = await ManifestFile.open(path, {signal: this.#signal});
      this.#login = manifest.header.edition?.nextLogin ?? null;
      manifest.close();
    } catch {
      // It was applied a moment ago; that it cannot be read any more is told by the health check.
    }
  }

  async #try(): Promise<void> {
    clearTimeout(this.#timer);
    const login = this.#login;
    if (!login || this.#signal.aborted) return;
    const why = await this.#agent.tryLogin(login);
    const kcv = login.importKekKcv && toHex(login.importKekKcv);
    this.#result = {kcv, valid: why === undefined, why: why === undefined ? null : oneLine(why)};
    this.#onChange();
    if (this.#signal.aborted) return;
    this.#timer = setTimeout(
      () => {
        this.#trying = this.#trying.then(() => this.#try());
      },
      why === undefined ? AGAIN_MS.valid : AGAIN_MS.invalid,
    );
  }
}
