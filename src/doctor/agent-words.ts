/** What the agent was started with: by its process, or where none runs by its systemd unit. */
import fs from 'node:fs';
import {DekError} from '../errors.js';
import type {Scene} from './scene.js';
import {commandOf, readUnit} from './unit-files.js';

export class AgentWords {
  readonly #words: readonly string[];
  /** Where they were found. */
  readonly from: string;

  constructor(words: readonly string[], from: string) {
    const end = words.indexOf('--'); // behind it are the words of the command that dek run starts
    this.#words = end < 0 ? words : words.slice(0, end);
    this.from = from;
  }

  /** The value of a flag, the last one that was given. */
  value(flag: string): string | undefined {
    for (let i = this.#words.length - 1; i >= 0; i--) {
      const word = this.#words[i]!;
      if (word === flag) return this.#words[i + 1];
      if (word.startsWith(`${flag}=`)) return word.slice(flag.length + 1);
    }
    return undefined;
  }
}

/** Undefined where neither tells. */
export async function agentWords(scene: Scene): Promise<AgentWords | undefined> {
  const status = await scene.agent();
  const running = status instanceof DekError ? undefined : wordsOfProcess(status.pid);
  if (running) return new AgentWords(running, 'its process');
  const unit = readUnit(scene);
  return unit && new AgentWords(commandOf(unit), unit.paths[0]!);
}

/** Of a process that this user may see, and that runs an agent. */
function wordsOfProcess(pid: number): readonly string[] | undefined {
  try {
    const words = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return words.includes('agent') || words.includes('run') ? words : undefined;
  } catch {
    return undefined;
  }
}

/** What a manifest has to be for this agent; what `dek doctor` was told counts more. */
export interface GateWords {
  readonly allowedSigners: string | undefined;
  readonly threshold: number;
  readonly release: string | undefined;
  /** Its name for this host; undefined: the static host name. */
  readonly host: string | undefined;
}

export async function gateOf(scene: Scene): Promise<GateWords> {
  const words = await agentWords(scene);
  return {
    allowedSigners: scene.options.allowedSigners ?? words?.value('--allowed-signers'),
    threshold: Number(words?.value('--threshold') ?? 1),
    release: words?.value('--release'),
    host: words?.value('--host'),
  };
}
