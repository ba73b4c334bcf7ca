/**
 * Compares what an agent says (list, query, status, /metrics, exit statuses) with what its NICs have, and with the DEKs
 * that it should hold by the commands that succeeded. What the agent heals or looks at again may take a while: only
 * what stays wrong is told.
 */
import {get} from 'node:http';
import {setTimeout as pause} from 'node:timers/promises';
import {type AgentStatus, type DekStatus, isReady} from '../../src/agent/protocol.js';
import type {World} from './world.js';

/** DEKs by name, each with the version of its key. */
export type Held = ReadonlyMap<string, number>;

/** What is known of an agent, by the commands so far. */
export interface Known {
  /** One of these it holds: two, after a command that was killed. */
  possible: Held[];
  /** Of those these may be gone: a destroy was killed, or the NIC refused a part of it. */
  mayLack: Set<string>;
  /** undefined: a login or logout failed on some NIC. */
  loggedIn: boolean | undefined;
  /** Destroys were made to fail: a NIC may have more than the agent says, until the next check. */
  leftovers: boolean;
}

const PATIENCE_MS = 30_000;

/** Looks until all agrees; throws what did not. Afterwards `known` has one possibility. */
export async function compare(world: World, known: Known): Promise<void> {
  let wrong = '';
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end; await pause(50)) {
    wrong = await difference(world, known);
    if (wrong === '') return;
  }
  throw new Error(wrong);
}

async function difference(world: World, known: Known): Promise<string> {
  const client = world.agent!.client;
  const deks = await client.listDeks();
  const held = new Map(deks.map(({name, opaque}) => [name, Number.parseInt(opaque.slice(0, 2), 16)]));
  const match = known.possible.some((one) => same(one, held, known.mayLack));
  if (!match) return `it holds ${text(held)}, and should hold ${known.possible.map(text).join(' or ')}`;
  const status = await client.status();
  const wrong = [
    ...(status.deks.total === deks.length ? [] : [`status counts ${status.deks.total} DEKs, list ${deks.length}`]),
    ...ofNics(world, known, status, deks),
    ...(await ofMetrics(world, status, deks)),
    ...(await ofCommands(world, deks)),
  ];
  if (wrong.length === 0) {
    known.possible = [held];
    known.mayLack.clear();
  }
  return wrong.join('; ');
}

/** A NIC has what the agent says is READY, and nothing that the agent does not say. */
function ofNics(world: World, known: Known, {devices}: AgentStatus, deks: readonly DekStatus[]): string[] {
  return world.live().flatMap((live, i) => {
    const {name, login, importMode} = devices[i]!;
    const ready = deks.filter(({state, devices: each}) => (each?.[name] ?? state) === 'READY').length;
    const wrong: string[] = [];
    if (ready > live.deks) wrong.push(`${ready} DEKs are READY on ${name}, which has ${live.deks}`);
    if (live.deks > deks.length && !known.leftovers) wrong.push(`${name} has ${live.deks} DEKs of ${deks.length}`);
    if (live.contexts > 1) wrong.push(`${name} has ${live.contexts} contexts`);
    if (login?.state === 'VALID' && live.logins !== 1) wrong.push(`a VALID login, but ${name} has ${live.logins}`);
    if (login === null && live.logins > 0 && !known.leftovers) wrong.push(`no login, but ${name} has ${live.logins}`);
    if (importMode === 'plaintext' && live.logins > 0) wrong.push(`${name} is in plaintext mode, with a login`);
    return wrong;
  });
}

async function ofMetrics(world: World, status: AgentStatus, deks: readonly DekStatus[]): Promise<string[]> {
  const metrics = await scrape(world.agent!.socket);
  const number = (name: string): number => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(metrics)?.[1] ?? Number.NaN);
  const wrong: string[] = [];
  for (const state of ['READY', 'ERROR', 'UNKNOWN'] as const) {
    const counted = number(`dek_deks\\{state="${state}"\\}`);
    const listed = deks.filter((dek) => dek.state === state).length;
    const said = status.deks[state.toLowerCase() as 'ready'];
    if (counted !== said || said !== listed) {
      wrong.push(`${state}: ${listed} in the list, ${said} in the status, ${counted} in /metrics`);
    }
  }
  for (const {name, gone, login, importMode} of status.devices) {
    const valid = !gone && (login?.state === 'VALID' || importMode === 'plaintext') ? 1 : 0;
    const counted = number(`dek_login_valid\\{device="${name}"\\}`);
    if (counted !== valid) wrong.push(`dek_login_valid of ${name} is ${counted}, by the status ${valid}`);
  }
  return wrong;
}

/** `dek status` exits with 0 when all is READY, else with 7; `dek query` as the DEK is. */
async function ofCommands(world: World, deks: readonly DekStatus[]): Promise<string[]> {
  const {status, stdout, stderr} = await world.dek(['status', '--json']);
  if (status !== 0 && status !== 7) return [`dek status exits with ${status}: ${stderr}`];
  const said = isReady(JSON.parse(stdout) as AgentStatus) ? 0 : 7;
  const wrong = status === said ? [] : [`dek status exits with ${status}, and says what is ${said}`];
  const first = deks[0];
  if (first === undefined) return wrong;
  const query = await world.dek(['query', first.name, '--json']);
  const state = query.status === 0 || query.status === 7 ? (JSON.parse(query.stdout) as DekStatus).state : undefined;
  if ((query.status === 0) !== (state === 'READY')) {
    wrong.push(`dek query ${first.name} exits with ${query.status}, state ${state}: ${query.stderr}`);
  }
  return wrong;
}

function scrape(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get({socketPath, path: '/metrics', timeout: 10_000}, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        body += part;
      });
      answer.once('end', () => resolve(body)).once('error', reject);
    }).once('error', reject);
  });
}

/** Whether `held` is `wanted`, but for those that it may lack. */
function same(wanted: Held, held: Held, mayLack: ReadonlySet<string>): boolean {
  return (
    [...held].every(([name, version]) => wanted.get(name) === version) &&
    [...wanted.keys()].every((name) => held.has(name) || mayLack.has(name))
  );
}

function text(held: Held): string {
  return `{${[...held].map(([name, version]) => `${name}@${version}`).join(' ')}}`;
}
