/** What a test needs of its machine: the line `# vm: ...` of its script. */

export interface Needs {
  /** systemd as process 1; else the script is all that runs. */
  readonly systemd: boolean;
  /** A software TPM, /dev/tpmrm0. */
  readonly tpm: boolean;
  /** An eMMC with an RPMB of 2 MiB, /dev/mmcblk0rpmb, whose key is not programmed. */
  readonly emmc: boolean;
  /** An empty disk of 64 MiB, /dev/vda. */
  readonly disk: boolean;
  /** The package dek as a .deb, and one of a later version: $KIT/dek.deb, $KIT/dek-next.deb. */
  readonly packages: boolean;
  readonly megabytes: number;
  /** Its time, with KVM or without. */
  readonly seconds: number;
}

const WORDS = ['systemd', 'tpm', 'emmc', 'disk', 'packages'] as const;

/** Throws for a word that is not known, so that no test runs on less than it asked for. */
export function needsOf(script: string, name: string): Needs {
  const words = /^# vm:(.*)$/m.exec(script)?.[1]?.trim().split(/\s+/) ?? [];
  const numbers = {megabytes: 768, seconds: 240};
  const found = new Set<string>();
  for (const word of words.filter(Boolean)) {
    const [, key, value] = /^(megabytes|seconds)=(\d+)$/.exec(word) ?? [];
    if (key) numbers[key as keyof typeof numbers] = Number(value);
    else if ((WORDS as readonly string[]).includes(word)) found.add(word);
    else throw new Error(`${name}: a machine has no ${word}`);
  }
  const has = Object.fromEntries(WORDS.map((word) => [word, found.has(word)]));
  return {...(has as Record<(typeof WORDS)[number], boolean>), ...numbers};
}
