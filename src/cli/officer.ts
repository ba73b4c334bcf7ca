/** What the officer's commands share: which functions, by whose login, and how keys of a NIC read. */
import * as Flags from '@oclif/core/flags';
import {counted} from '../bytes.js';
import {readCiphertext} from '../custody/source.js';
import {SOURCE_FORMS} from '../custody/sources/table.js';
import {type LoginOptions, WRAPPED_CREDENTIAL_BYTES} from '../dek-layout.js';
import {functionNamed, functionsOfCard} from '../officer/card.js';
import {type Added, addToAll} from '../officer/functions.js';
import {KIND_NAMES} from '../officer/officer.js';
import {additionPlan, type Plan, planLines} from '../officer/plan.js';
import type {Addition, KeyKind, KeyReport} from '../officer/registers/registers.js';
import type {DeviceInfo} from '../rdma/index.js';
import {FIRST_ID, idFlag} from './flags/flags.js';
import {describeId} from './output/describe.js';
import {tableLines} from './output/table.js';

/** `--device NAME` and `--all-ports`: one function of a card, or all of them. */
export const functionFlags = {
  device: Flags.string({
    helpValue: 'NAME',
    description: 'the NIC: mlx5_0, a PCI address or a node GUID (default: the only NIC)',
  }),
  'all-ports': Flags.boolean({description: 'do it on all ports and functions of the card that this host sees'}),
};

const CREDENTIAL = {
  helpValue: 'FILE',
  description: `the officer's wrapped credential (48 bytes): a path, ${SOURCE_FORMS}`,
};
const CREDENTIAL_ID = {description: `id of the officer's credential on the NIC ${FIRST_ID}`};
const KEK_ID = {description: `id on the NIC of the import KEK that wraps the officer's credential ${FIRST_ID}`};

/** By whose login: an officer's. */
export const officerFlags = {
  credential: Flags.string({...CREDENTIAL, required: true}),
  'credential-id': idFlag({...CREDENTIAL_ID, required: true}),
  'import-kek-id': idFlag({...KEK_ID, required: true}),
};

/** The same, all three or none. */
export const optionalOfficerFlags = {
  credential: Flags.string({...CREDENTIAL, dependsOn: ['credential-id', 'import-kek-id']}),
  'credential-id': idFlag({...CREDENTIAL_ID, dependsOn: ['credential']}),
  'import-kek-id': idFlag({...KEK_ID, dependsOn: ['credential']}),
};

/** `--plan`. */
export const planFlag = Flags.boolean({description: 'only print what would be written, without the secrets'});

/** Words of a line of usage. */
export const OFFICER_USAGE = '--credential FILE --credential-id ID --import-kek-id ID';
export const FUNCTION_USAGE = '[--device NAME] [--all-ports] [--plan]';

/** The values of `functionFlags`. */
interface FunctionOptions {
  device?: string | undefined;
  'all-ports': boolean;
}

/** Which functions these flags mean. Throws NO_DEVICE, BAD_ARGUMENT. */
export function functionsOf({device, 'all-ports': all}: FunctionOptions): DeviceInfo[] {
  return all ? functionsOfCard(device) : [functionNamed(device)];
}

/** The login that these flags mean. Throws what reading its credential throws. */
export async function officerLogin(flags: {
  credential: string;
  'credential-id': number;
  'import-kek-id': number;
}): Promise<LoginOptions> {
  return {
    credential: await readCiphertext(flags.credential, [WRAPPED_CREDENTIAL_BYTES], 'wrapped credential'),
    credentialId: flags['credential-id'],
    importKekId: flags['import-kek-id'],
  };
}

/** `mlx5_0, mlx5_1` */
export function namesOf(functions: readonly DeviceInfo[]): string {
  return functions.map(({name}) => name).join(', ');
}

/** What became of an addition. */
export interface AdditionResult {
  /** Nowhere under --plan. */
  added: readonly Added[];
  /** Under --plan: what would be written. */
  plan?: Plan;
}

/** Adds to the functions of these flags, under --plan to none, and tells it in lines; `what` is the key in a plan. */
export async function addOrPlan(
  kind: KeyKind,
  login: LoginOptions,
  addition: Addition,
  {what, ...flags}: FunctionOptions & {plan: boolean; what: string},
): Promise<{result: AdditionResult; lines: readonly string[]}> {
  if (flags.plan) {
    const plan = additionPlan(kind, login, addition, what);
    return {result: {added: [], plan}, lines: planLines(plan)};
  }
  const added = await addToAll(functionsOf(flags), kind, login, addition);
  const role = addition.role === undefined ? '' : ` (${addition.role})`;
  return {
    result: {added},
    lines: added.map(({device, id}) => `${device}: ${KIND_NAMES[kind]} ${describeId(id)}${role}`),
  };
}

/** The keys of a function in lines, and how many more it has room for; `head` stands before that. */
export function describeKeys(kind: KeyKind, head: string, room: number, keys: readonly KeyReport[]): string[] {
  const rows = keys.map(({id, state, bytes, role}) => [describeId(id), state, bytes ? `${bytes * 8} bits` : `${role}`]);
  const count = counted(keys.length, KIND_NAMES[kind]);
  return [
    `${head}${count}, room for ${Math.max(room - keys.length, 0)} more`,
    ...(keys.length === 0 ? [] : tableLines(['ID', 'STATE', kind === 'kek' ? 'SIZE' : 'ROLE'], rows)),
  ];
}
