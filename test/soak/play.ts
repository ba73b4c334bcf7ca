/**
 * Plays a scenario: a step, then the oracle; at the end all faults are taken back, and all has to be as if there were
 * none.
 */
import fs from 'node:fs';
import {setTimeout as pause} from 'node:timers/promises';
import {logged} from '../support/agent/agent-log.js';
import {type Vol, vols} from '../support/agent/agent-manifests.js';
import {until} from '../support/until.js';
import {compare, type Held, type Known} from './oracle.js';
import {namesOf, type Scenario, type Step} from './scenario.js';
import {type Ended, World} from './world.js';

/** What went wrong: undefined when nothing did. */
export async function play(scenario: Scenario): Promise<string | undefined> {
  const world = await World.create(scenario);
  const known: Known = {possible: [new Map()], mayLack: new Set(), loggedIn: false, leftovers: false};
  let at = 'the start of the agent';
  try {
    const failure = await world.start();
    if (failure !== undefined) throw new Error(failure);
    for (const [i, step] of scenario.steps.entries()) {
      at = `step ${i + 1}, ${JSON.stringify(step)}`;
      await take(world, known, step, i);
      await compare(world, known);
    }
    at = 'the end, without faults';
    await finish(world, known, scenario.end);
    return undefined;
  } catch (error) {
    const log = world.agent?.log.trim().split('\n').slice(-12) ?? [];
    return [`${at}: ${(error as Error).message}`, ...log].join('\n');
  } finally {
    await world.remove();
  }
}

async function take(world: World, known: Known, step: Step, index: number): Promise<void> {
  switch (step.do) {
    case 'apply': {
      const list: Vol[] = vols(step.from, step.to, step.version);
      if (step.bad) list.push({...list.pop()!, altered: true});
      const path = world.writeManifest(`manifest-${index}`, list);
      const ended = await world.apply(path, step.killAfterMs);
      if (step.bad && ended.status === 0) throw new Error('a manifest with an altered key was applied');
      happened(known, ended, () => heldOf(list));
      if (ended.status === 0) known.loggedIn = true;
      else if (world.isWrapped) known.loggedIn = undefined;
      if (ended.status === 0) world.manifest = path;
      // Of a killed one only the agent knows; its manifest of before would bring the set of before back.
      if (ended.status === null) await adopt(world);
      return;
    }
    case 'reload':
      return reload(world, known, vols(step.from, step.to, step.version));
    case 'create': {
      const vol = {name: `vol-${step.vol}`, version: step.version};
      return happened(
        known,
        await world.create(vol, step.killAfterMs),
        (held) => new Map([...held, [vol.name, vol.version]]),
      );
    }
    case 'destroy': {
      const names = namesOf(step.vols);
      const ended = await world.dek(['destroy', ...names], step.killAfterMs);
      const goes = (name: string): boolean => step.vols === 'all' || names.includes(name);
      happened(known, ended, (held) => new Map([...held].filter(([name]) => !goes(name))));
      if (ended.status === 0 || ended.status === 3) return; // of unknown names nothing goes
      for (const held of known.possible) for (const name of held.keys()) if (goes(name)) known.mayLack.add(name);
      return;
    }
    case 'login':
    case 'logout': {
      const ended = step.do === 'login' ? await world.login() : await world.dek(['logout']);
      happened(known, ended, (held) => held);
      known.loggedIn = ended.status === 0 ? step.do === 'login' : undefined;
      return;
    }
    case 'set':
      known.leftovers ||= step.words.some((word) => /^fault=(any|destroy)/.test(word));
      return world.set(step.words, step.nic);
    case 'revoke':
      return world.setKek(false);
    case 'restore':
      return world.setKek(true);
    case 'gone':
      await world.set(['gone=yes'], step.nic);
      await pause(step.ms);
      return world.set(['gone=no'], step.nic);
    case 'pause':
      return void (await pause(step.ms));
    case 'kill-agent':
      return restart(world, known);
  }
}

/** What the agent may hold after a command: what it was asked for, or what it held; both when that was killed. */
function happened(known: Known, {status, stderr}: Ended, after: (held: Held) => Held): void {
  if (status !== null && (status < 0 || status > 7 || status === 2))
    throw new Error(`exit status ${status}: ${stderr}`);
  if (status !== null && status !== 0 && !stderr.startsWith('error: ')) throw new Error(`no error was said: ${stderr}`);
  if (status === 0) known.possible = known.possible.map(after);
  else if (status === null) known.possible = known.possible.flatMap((held) => [held, after(held)]);
}

/** The manifest that the agent says was applied last. */
async function adopt(world: World): Promise<void> {
  const {manifest} = await world.agent!.client.status();
  world.manifest = manifest?.path;
}

async function reload(world: World, known: Known, list: readonly Vol[]): Promise<void> {
  if (world.manifest === undefined) return;
  const agent = world.agent!;
  const before = fs.readFileSync(world.manifest);
  world.writeManifest(world.manifest.slice(world.device.directory.length + 1), list);
  const count = (): number[] => [logged(agent, 'apply').length, logged(agent, 'reload-failed').length];
  const [applied, failed] = count() as [number, number];
  agent.child.kill('SIGHUP');
  await until(() => count().join() !== [applied, failed].join(), 'an answer to SIGHUP');
  if (count()[0]! > applied) {
    known.possible = [heldOf(list)];
    known.loggedIn = true;
  } else {
    if (world.isWrapped) known.loggedIn = undefined;
    // What cannot be healed from the file on disk would stay broken, rightly.
    fs.writeFileSync(`${world.manifest}.old`, before);
    fs.renameSync(`${world.manifest}.old`, world.manifest);
  }
}

/** kill -9, and a new agent: with the manifest that was applied last it holds that, or does not start under faults. */
async function restart(world: World, known: Known): Promise<void> {
  await world.agent!.end('SIGKILL');
  nothingLeft(world);
  if ((await world.start()) !== undefined) {
    nothingLeft(world);
    await world.clearFaults();
    const failure = await world.start();
    if (failure !== undefined) throw new Error(`without faults too: ${failure}`);
  }
  const path = world.manifest;
  known.possible = [path === undefined ? new Map() : heldIn(path)];
  known.loggedIn = path !== undefined;
}

async function finish(world: World, known: Known, signal: Scenario['end']): Promise<void> {
  await world.clearFaults();
  await compare(world, known);
  const heals = known.loggedIn === true || !world.isWrapped;
  if (heals) await until(async () => (await world.dek(['status'])).status === 0, 'all healed: dek status exits with 0');
  known.leftovers = false;
  await compare(world, known);
  const path = world.writeManifest('manifest-last', vols(3, 9, 4));
  const ended = await world.apply(path);
  if (ended.status !== 0) throw new Error(`apply exits with ${ended.status}: ${ended.stderr}`);
  known.possible = [heldOf(vols(3, 9, 4))];
  await compare(world, known);
  const wanted = world.nics.map((mode) => ({contexts: 1, pds: 1, logins: mode === 'wrapped' ? 1 : 0, deks: 7}));
  const have = world.live().map(({contexts, pds, logins, deks}) => ({contexts, pds, logins, deks}));
  if (JSON.stringify(have) !== JSON.stringify(wanted)) throw new Error(`the NICs have ${JSON.stringify(have)}`);
  const defects = logged(world.agent!, 'internal');
  if (defects.length > 0) throw new Error(`the agent logs a defect: ${JSON.stringify(defects)}`);
  const end = await world.agent!.end(signal);
  if (end !== (signal === 'SIGTERM' ? 0 : 'SIGKILL')) throw new Error(`the agent ends with ${end} at ${signal}`);
  nothingLeft(world);
  if (signal === 'SIGTERM' && fs.existsSync(world.agent!.socket)) throw new Error('its socket is left');
}

function nothingLeft(world: World): void {
  const left = world.live().filter(({contexts, pds, logins, deks}) => contexts + pds + logins + deks > 0);
  if (left.length > 0) throw new Error(`a NIC still has ${JSON.stringify(left)} of an agent that has ended`);
}

function heldOf(list: readonly Vol[]): Held {
  return new Map(list.map(({name, version = 1}) => [name, version]));
}

/** What is in a manifest, by its lines. */
function heldIn(path: string): Held {
  const [, ...lines] = fs.readFileSync(path, 'utf8').trim().split('\n');
  const entries = lines.map((line) => JSON.parse(line) as {name: string; opaque: string});
  return new Map(entries.map(({name, opaque}) => [name, Number.parseInt(opaque.slice(0, 2), 16)]));
}
