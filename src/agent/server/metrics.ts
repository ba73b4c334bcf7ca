/** The agent's numbers in Prometheus' text format: GET /metrics. */
import {Counter, Gauge, Histogram, Registry} from 'prom-client';
import {timeOf} from '../../manifest/fields/edition.js';
import type {AgentEvent, Events} from '../events.js';
import {REFUSALS} from '../gate/refusals.js';
import type {AgentStatus} from '../protocol.js';

export class Metrics {
  readonly #registry = new Registry();
  readonly contentType = this.#registry.contentType;
  readonly #ask: () => Promise<AgentStatus>;
  /** Of the scrape. */
  #status: AgentStatus | undefined;

  /** `status` is asked at each scrape; what only grows is counted from `past` and then from `events`. */
  constructor(events: Events, past: readonly AgentEvent[], status: () => Promise<AgentStatus>) {
    this.#ask = status;
    const now = (): AgentStatus => this.#status!;
    const registers = [this.#registry];
    new Gauge({
      name: 'dek_deks',
      help: 'DEKs that should be there, by what the NIC said of them last',
      labelNames: ['state'],
      registers,
      collect() {
        const {ready, error, unknown} = now().deks;
        this.set({state: 'READY'}, ready);
        this.set({state: 'ERROR'}, error);
        this.set({state: 'UNKNOWN'}, unknown);
      },
    });
    new Gauge({
      name: 'dek_deks_proven',
      help: 'DEKs that a proof has shown to be the right ones since they were made',
      registers,
      collect() {
        this.set(now().deks.proven);
      },
    });
    new Gauge({
      name: 'dek_deks_wrong',
      help: 'DEKs that a proof has shown to be wrong',
      registers,
      collect() {
        this.set(now().deks.wrong);
      },
    });
    const proofs = new Counter({
      name: 'dek_proofs_total',
      help: 'Proofs, by what they found',
      labelNames: ['verdict'],
      registers,
    });
    proofs.inc({verdict: 'ok'}, 0);
    new Gauge({
      name: 'dek_login_valid',
      help: '1 when the crypto login is VALID or none is needed',
      labelNames: ['device'],
      registers,
      collect() {
        for (const {name, login, importMode, gone} of now().devices) {
          this.set({device: name}, !gone && (login?.state === 'VALID' || importMode === 'plaintext') ? 1 : 0);
        }
      },
    });
    new Gauge({
      name: 'dek_contexts',
      help: 'Device contexts with DEKs of the agent that a service shares, by who opened them',
      labelNames: ['device', 'kind'],
      registers,
      collect() {
        this.reset();
        for (const {device, kind, pid} of now().contexts) if (pid !== null) this.inc({device, kind});
      },
    });
    new Gauge({
      name: 'dek_old_deks',
      help: 'DEKs that were replaced and that the services which may use them have not released',
      labelNames: ['device'],
      registers,
      collect() {
        this.reset();
        for (const {device, old} of now().contexts) this.inc({device}, old);
      },
    });
    new Gauge({
      name: 'dek_manifest_generation',
      help: 'Generation of the manifest that was applied last',
      registers,
      collect() {
        this.remove();
        const generation = now().manifest?.generation;
        if (generation) this.set(generation);
      },
    });
    new Gauge({
      name: 'dek_manifest_seconds_left',
      help: 'Until the manifest that was applied last may not be taken up as something new any more',
      registers,
      collect() {
        this.remove();
        const notAfter = now().manifest?.notAfter;
        if (notAfter) this.set((timeOf(notAfter) - Date.now()) / 1000);
      },
    });
    const manifestRefusals = new Counter({
      name: 'dek_manifest_refusals_total',
      help: 'Manifests that were not taken up, by why',
      labelNames: ['reason'],
      registers,
    });
    for (const reason of REFUSALS) manifestRefusals.inc({reason}, 0);
    const creates = new Counter({name: 'dek_creates_total', help: 'DEKs made', registers});
    const refusals = new Counter({
      name: 'dek_refusals_total',
      help: 'DEKs that the NIC refused to make, by errno',
      labelNames: ['errno'],
      registers,
    });
    const heals = new Counter({
      name: 'dek_heals_total',
      help: 'DEKs and logins made anew by the health check',
      registers,
    });
    const seconds = new Histogram({
      name: 'dek_create_seconds',
      help: 'Time to make DEKs, and with --query to ask for them, by batch, divided by the DEKs of the batch',
      buckets: [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 1],
      registers,
    });
    const applied = new Gauge({
      name: 'dek_last_apply_timestamp_seconds',
      help: 'When a manifest was applied last, seconds since 1970',
      registers,
    });
    const count = (event: AgentEvent): void => {
      if (event.event === 'heal') heals.inc('deks' in event ? event.deks : 1);
      if (event.event === 'manifest-refused') manifestRefusals.inc({reason: event.reason});
      if (event.event === 'apply') applied.set(Date.parse(event.time) / 1000);
      if (event.event === 'prove') {
        for (const [verdict, number] of Object.entries(event.verdicts)) proofs.inc({verdict}, number);
      }
      if (event.event !== 'made') return;
      const {deks, refused, seconds: took} = event;
      creates.inc(deks);
      for (const errno of refused) refusals.inc({errno});
      seconds.observe(took / Math.max(1, deks + refused.length));
    };
    past.forEach(count);
    events.listen(count);
  }

  async text(): Promise<string> {
    this.#status = await this.#ask();
    return this.#registry.metrics();
  }
}
