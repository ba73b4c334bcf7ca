/** What `dek fleet publish` and `dek fleet rollout` share: how a manifest or a release comes into the store. */
import * as Flags from '@oclif/core/flags';
import {assertDekName} from '../../dek-name.js';
import type {PublishOptions} from '../../fleet/publish/publish.js';
import type {Progress} from '../output/progress.js';

export const publishFlags = {
  fallback: Flags.string({
    helpValue: 'FILE',
    description: 'what a rollback brings: a manifest or release with the earlier DEKs and later generations',
  }),
  manifests: Flags.string({
    helpValue: 'DIR',
    description: 'directory of the manifests of a release (default: that of the release)',
  }),
  keep: Flags.integer({
    helpValue: 'N',
    default: 5,
    min: 1,
    max: 1000,
    description: 'how many earlier generations of each host to keep',
  }),
  'replace-key': Flags.string({
    helpValue: 'NAME',
    multiple: true,
    multipleNonGreedy: true,
    default: [],
    description: 'let this DEK become another key than the fleet has under its name; may be given more than once',
  }),
  'replace-set': Flags.boolean({description: 'let a host get another set of DEKs, with another id, than it has'}),
  'let-go': Flags.boolean({
    description: 'let a host lose DEKs before the host that gets them has proven them',
  }),
};

interface PublishFlags {
  fallback?: string | undefined;
  manifests?: string | undefined;
  keep: number;
  'replace-key': string[];
  'replace-set'?: boolean | undefined;
  'let-go'?: boolean | undefined;
}

/** Throws BAD_ARGUMENT for a name that is none. */
export function publishOptions(path: string, flags: PublishFlags, progress: Progress): Omit<PublishOptions, 'hosts'> {
  flags['replace-key'].forEach(assertDekName);
  return {
    path,
    fallback: flags.fallback,
    folder: flags.manifests,
    keep: flags.keep,
    replaceKeys: flags['replace-key'],
    replaceSet: flags['replace-set'] ?? false,
    letGo: flags['let-go'] ?? false,
    onProgress: (what, done, total) => progress.update(what, done, total),
  };
}
