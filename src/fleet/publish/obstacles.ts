/** Why a host may not be moved yet: its NICs lack the KEK, or it would let go of what nobody else has proven. */
import {type FleetHost, hostOf} from '../status/hosts.js';
import {Heirs, type Tables} from './heirs.js';
import type {Delivery} from './prepare.js';

export class Obstacles {
  readonly #known: ReadonlyMap<string, FleetHost>;
  readonly #heirs: Heirs;
  readonly #letGo: boolean;

  /** With `letGo` a host may lose DEKs that another has got and not proven. */
  constructor(tables: Tables, known: ReadonlyMap<string, FleetHost>, letGo: boolean) {
    this.#known = known;
    this.#heirs = new Heirs(tables, known);
    this.#letGo = letGo;
  }

  /** One line for people; undefined: nothing is in the way. */
  async of({host, target}: Delivery): Promise<string | undefined> {
    const from = hostOf(this.#known, host);
    // Somebody may have published since the rollout was planned.
    if (from.pointer?.id === target.id && from.pointer.generation > target.generation) {
      return `it is to hold generation ${from.pointer.generation} by now`;
    }
    const notYet = whyNotYet(from, target.kcv);
    if (notYet !== undefined || this.#letGo || from.pointer?.names === target.names) return notYet;
    const heirs = await this.#heirs.unproven(from, target.names);
    if (!heirs) return undefined;
    const others = heirs.count === 1 ? '' : ` and ${heirs.count - 1} more`;
    return `it would lose DEKs that ${heirs.first}${others} has got and not proven yet`;
  }
}

/** Under another KEK than its own a host is moved when its NICs have taken the login of that one. */
function whyNotYet({pointer, report}: FleetHost, kcv: string | null): string | undefined {
  if (!pointer?.kcv || kcv === null || pointer.kcv === kcv || report?.kcv === kcv) return undefined;
  if (!report) return `it is down: nobody knows whether its NICs have the KEK ${kcv}`;
  const {nextLogin} = report;
  if (nextLogin && nextLogin.kcv === null) {
    return `its next login does not say of which KEK it is: dek manifest set --next-login with --kcv ${kcv}`;
  }
  if (!nextLogin || nextLogin.kcv !== kcv) return `it holds no generation with a next login for the KEK ${kcv}`;
  return nextLogin.valid ? undefined : `its NICs do not take the login of the KEK ${kcv}: ${nextLogin.why ?? 'untold'}`;
}
