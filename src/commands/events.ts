import * as Flags from '@oclif/core/flags';
import {AUDIT_KINDS, type AuditKind, describeEntry, type ReadEntry} from '../audit/entry.js';
import {readAudit} from '../audit/read.js';
import {DekCommand} from '../cli/base.js';
import {assertDekName} from '../dek-name.js';

export default class EventsCommand extends DekCommand {
  static override summary = 'show what was done to DEKs on this host, and by whom';
  static override description =
    'Agents, dek run and dek manifest sign write to the journal of systemd what an auditor asks for: that DEKs ' +
    'were created, replaced, healed or proven, that a service attached or lent its context, that a manifest was ' +
    'signed, and what was refused; with the user and the process that asked, the names of the DEKs, their check ' +
    'values (DCVs), the generation of the manifest, and the result. Nothing in it is secret. An entry has up to ' +
    '256 DEKs; the text names the first of them, --json all.\n\n' +
    'Each kind has its own MESSAGE_ID, and each DEK a field DEK_NAME, so that journalctl finds them too: ' +
    'journalctl DEK_NAME=vol-1. The journal belongs to root and the group systemd-journal; journald.conf(5) says ' +
    'how long it is kept.';
  static override usage = '[--since TIME] [--kind KIND,...] [--name NAME] [--directory DIR] [--json]';
  static override examples = [
    'dek events --since -1h',
    'dek events --since 2026-11-01 --kind refuse,sign',
    'dek events --name vol-1 --json',
  ];
  static override flags = {
    since: Flags.string({
      helpValue: 'TIME',
      description: 'only events since then: 2026-11-30, 2026-11-30T12:00:00Z, -1h, yesterday (default: all)',
    }),
    kind: Flags.option({
      options: AUDIT_KINDS,
      helpValue: 'KIND,...',
      multiple: true,
      delimiter: ',',
      description: `only events of these kinds: ${AUDIT_KINDS.join(', ')}`,
    })(),
    name: Flags.string({helpValue: 'NAME', description: 'only events of this DEK'}),
    directory: Flags.string({
      helpValue: 'DIR',
      description: "directory of journal files to read in place of this host's journal",
    }),
  };

  async run(): Promise<ReadEntry[]> {
    const {flags} = await this.parse(EventsCommand);
    const {since, name, directory} = flags;
    if (name !== undefined) assertDekName(name);
    const kinds = flags.kind as AuditKind[] | undefined;
    const entries: ReadEntry[] = [];
    for await (const entry of readAudit({since, kinds, name, directory})) {
      if (this.jsonEnabled()) entries.push(entry);
      else this.log(`${entry.time} ${describeEntry(entry)}`);
    }
    return entries;
  }
}
