/** Keys of OpenSSH, made and used by ssh-keygen: an independent judge of signatures. */
import {execFileSync, spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';

/** Arguments of ssh-keygen that make a key of each kind. */
export const KEY_KINDS: Readonly<Record<string, readonly string[]>> = {
  ed25519: ['-t', 'ed25519'],
  p256: ['-t', 'ecdsa', '-b', '256'],
  p384: ['-t', 'ecdsa', '-b', '384'],
  p521: ['-t', 'ecdsa', '-b', '521'],
  rsa: ['-t', 'rsa', '-b', '2048'],
};

export class SshKeys {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** Makes a private key, and returns its path; the public one stands beside it. */
  make(name: string, kind: readonly string[] = KEY_KINDS['ed25519']!, passphrase = ''): string {
    const path = join(this.directory, name);
    execFileSync('ssh-keygen', ['-q', ...kind, '-N', passphrase, '-C', `${name}@test`, '-f', path]);
    return path;
  }

  /** Type and key of a public key, as they stand in a file. */
  publicKey(path: string): string {
    return fs.readFileSync(`${path}.pub`, 'latin1').split(' ').slice(0, 2).join(' ');
  }

  /** The fingerprint of a key, as ssh-keygen tells it. */
  fingerprint(path: string): string {
    return execFileSync('ssh-keygen', ['-l', '-f', path], {encoding: 'latin1'}).split(' ')[1]!;
  }

  /** Writes a file of allowed signers, and returns its path: `[principals and options, private key]` a line. */
  allow(name: string, ...lines: readonly (readonly [string, string])[]): string {
    const path = join(this.directory, name);
    fs.writeFileSync(path, lines.map(([who, key]) => `${who} ${this.publicKey(key)}\n`).join(''), {mode: 0o644});
    return path;
  }

  /** Signs a file: FILE.sig, which it returns. */
  sign(key: string, namespace: string, file: string): string {
    fs.rmSync(`${file}.sig`, {force: true});
    execFileSync('ssh-keygen', ['-q', '-Y', 'sign', '-f', key, '-n', namespace, file], {stdio: 'pipe'});
    return `${file}.sig`;
  }

  /** Whether ssh-keygen takes a signature for one of `principal`. */
  isGood(signature: string, principal: string, namespace: string, allowed: string, file: string): boolean {
    const args = ['-Y', 'verify', '-f', allowed, '-I', principal, '-n', namespace, '-s', signature];
    return spawnSync('ssh-keygen', args, {input: fs.readFileSync(file)}).status === 0;
  }
}
