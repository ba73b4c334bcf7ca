/** The systemd unit of the agent with its drop-ins, as systemd.unit(5) has them read. */
import type {Scene} from './scene.js';

const UNIT = 'dek-agent.service';
/** A file of the first stands for those of its name in the later ones, of which the last two are mostly one folder. */
const FOLDERS = [
  '/etc/systemd/system.control',
  '/run/systemd/system.control',
  '/run/systemd/transient',
  '/etc/systemd/system',
  '/run/systemd/system',
  '/usr/local/lib/systemd/system',
  '/usr/lib/systemd/system',
  '/lib/systemd/system',
];
/** A drop-in may be for all services whose name begins so; those of all services come after, in every folder. */
const PREFIXES = ['dek-agent.service.d', 'dek-.service.d'];
const ALL = 'service.d';

export interface UnitFiles {
  /** The unit, then its drop-ins in the order in which systemd reads them. */
  readonly paths: readonly string[];
  /** Their settings by key, in order. */
  readonly settings: ReadonlyMap<string, readonly string[]>;
}

/** What this host has of it; undefined: no unit. */
export function readUnit(scene: Scene): UnitFiles | undefined {
  const unit = FOLDERS.map((folder) => `${folder}/${UNIT}`).find((file) => scene.text(file) !== undefined);
  if (unit === undefined) return undefined;
  const paths = [unit, ...dropInsOf(scene)];
  return {paths, settings: parse(paths.map((file) => scene.text(file) ?? '').join('\n'))};
}

/** Their paths, by name from all folders together. */
function dropInsOf(scene: Scene): string[] {
  const folders = [
    ...FOLDERS.flatMap((folder) => PREFIXES.map((prefix) => `${folder}/${prefix}`)),
    ...FOLDERS.map((folder) => `${folder}/${ALL}`),
  ];
  const paths = new Map<string, string>();
  for (const folder of folders) {
    for (const name of scene.names(folder)) {
      if (name.endsWith('.conf') && !paths.has(name)) paths.set(name, `${folder}/${name}`);
    }
  }
  return [...paths.keys()].sort().map((name) => paths.get(name)!);
}

/** `Key=Value` lines by key, in order; an empty value takes those before it away, as systemd has it for lists. */
function parse(text: string): ReadonlyMap<string, readonly string[]> {
  const settings = new Map<string, string[]>();
  for (const line of text.replaceAll('\\\n', ' ').split('\n')) {
    const [, key, value] = /^([A-Za-z]+)\s*=(.*)$/.exec(line.trim()) ?? [];
    if (key === undefined) continue;
    const trimmed = value!.trim();
    if (trimmed === '') settings.delete(key);
    else settings.set(key, [...(settings.get(key) ?? []), trimmed]);
  }
  return settings;
}

/** The words of ExecStart= with the variables of Environment= in their place. */
export function commandOf({settings}: UnitFiles): readonly string[] {
  const variables = new Map<string, string>();
  for (const line of settings.get('Environment') ?? []) {
    for (const word of wordsOf(line)) {
      const [, name, value] = /^(\w+)=(.*)$/s.exec(word) ?? [];
      if (name !== undefined) variables.set(name, value!);
    }
  }
  const whole = (word: string): string => word.replace(/\$\{(\w+)\}/g, (_, name: string) => variables.get(name) ?? '');
  return wordsOf(settings.get('ExecStart')?.at(-1) ?? '').flatMap((word) => {
    const [, name] = /^\$(\w+)$/.exec(word) ?? [];
    return name === undefined ? [whole(word)] : wordsOf(variables.get(name) ?? '');
  });
}

/** Words that spaces part, with quotes of either kind. */
function wordsOf(line: string): string[] {
  return Array.from(line.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g), ([word]) =>
    word.replace(/"([^"]*)"|'([^']*)'/g, '$1$2'),
  );
}
