/**
 * The agent as a service of systemd, Type=notify: ready, status, reload, watchdog. Outside of systemd ($NOTIFY_SOCKET
 * is not set) all of it does nothing, but for the reload.
 */
import type {Agent} from './agent.js';
import {notifySystemd} from './host/notify.js';

const STATUS_MS = 1000;

export class SystemdService {
  readonly #agent: Agent;
  #soon: NodeJS.Timeout | undefined;
  #reloading: Promise<void> | undefined;
  /** A reload was asked for since the last one began. */
  #wanted = false;

  constructor(agent: Agent) {
    this.#agent = agent;
  }

  /**
   * Says READY, and from then on what changes, and that this process is alive. Throws NO_LIBRARY without libsystemd, IO
   * when the service manager cannot be told.
   */
  ready(): void {
    notifySystemd(`READY=1\n${this.#status()}`);
    if (process.env['NOTIFY_SOCKET'] === undefined) return;
    this.#agent.events.listen(() => this.#tellSoon(), 'info');
    const watchdogUs = watchdogMicroseconds();
    if (watchdogUs > 0) setInterval(() => this.#tell('WATCHDOG=1'), watchdogUs / 2000).unref();
  }

  /**
   * Applies the manifest again, as it is on disk when the reload before is done: a request that comes meanwhile may be
   * about a newer file. What goes wrong is in the log; the DEKs of before stay.
   */
  reload(): void {
    this.#wanted = true;
    this.#reloading ??= this.#reloadWhileWanted().finally(() => {
      this.#reloading = undefined;
    });
  }

  stopping(): void {
    this.#tell('STOPPING=1');
  }

  async #reloadWhileWanted(): Promise<void> {
    while (this.#wanted) {
      this.#wanted = false;
      this.#tell(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
      try {
        await this.#agent.reload();
      } catch (error) {
        this.#agent.events.emit('warn', 'reload-failed', {error: (error as Error).message});
      }
    }
    this.#tell(`READY=1\n${this.#status()}`);
  }

  /** A service manager that does not listen, as while it is started anew, is no reason to lose the DEKs. */
  #tell(state: string): void {
    try {
      notifySystemd(state);
    } catch {
      // It asks again, or ends the agent, when it misses something.
    }
  }

  /** At most once a second: counting a hundred thousand DEKs for each of as many events would take for ever. */
  #tellSoon(): void {
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      this.#tell(this.#status());
    }, STATUS_MS).unref();
  }

  #status(): string {
    const {total, ready, proven, wrong} = this.#agent.count();
    const proofs = `${proven > 0 ? `, ${proven} PROVEN` : ''}${wrong > 0 ? `, ${wrong} wrong` : ''}`;
    const deks = total === 0 ? 'holding no DEKs' : `${ready} of ${total} DEKs READY${proofs}`;
    return `STATUS=${deks} on ${this.#agent.devices}`;
  }
}

/**
 * What systemd waits for a sign of life; 0 when it does not, or waits for another process that passed its environment
 * on.
 */
function watchdogMicroseconds(): number {
  const {WATCHDOG_PID: pid, WATCHDOG_USEC: us = '0'} = process.env;
  return pid === undefined || Number(pid) === process.pid ? Number(us) : 0;
}
