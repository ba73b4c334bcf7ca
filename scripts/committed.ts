/** What is made from the commands and committed, by its path in the tree: manual pages, and completion. */
import type {Interfaces} from '@oclif/core';
import {completionScripts} from './completion-scripts.js';
import {commandPages} from './man-page.js';
import {withSources} from './man-sources.js';
import {vcxCommands} from './vcx/commands.js';
import {vcxPage} from './vcx/page.js';

type MadeFile = [path: string, text: string];

/** `dek` is man/dek.1 as it stands: but for its list of sources it is written by hand. */
export function manualPages(manifest: Interfaces.Manifest, dek: string): MadeFile[] {
  return [
    ...commandPages(manifest).map(([file, text]): MadeFile => [`man/${file}`, text]),
    ['man/dek.1', withSources(dek)],
    ['virtual-connectx/man/vcx.1', vcxPage(vcxCommands(manifest))],
  ];
}

export function completions(manifest: Interfaces.Manifest): MadeFile[] {
  return [
    ...completionScripts(manifest).map(([file, text]): MadeFile => [`contrib/completion/${file}`, text]),
    ...completionScripts(vcxCommands(manifest), 'vcx').map(
      ([file, text]): MadeFile => [`virtual-connectx/completion/${file}`, text],
    ),
  ];
}
