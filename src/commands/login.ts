import * as Flags from '@oclif/core/flags';
import {connectAgent} from '../agent/client.js';
import type {LoginStatus} from '../agent/protocol.js';
import {DekCommand} from '../cli/base.js';
import {FIRST_ID, idFlag, socketFlag} from '../cli/flags/flags.js';
import {describeLogin} from '../cli/output/describe.js';
import {readCiphertext} from '../custody/source.js';
import {SOURCE_FORMS} from '../custody/sources/table.js';
import {WRAPPED_CREDENTIAL_BYTES} from '../dek-layout.js';

export default class Login extends DekCommand {
  static override summary = 'log in to the NIC with a wrapped credential';
  static override description =
    'A NIC in wrapped import mode takes DEKs only after a crypto login, with a credential wrapped by an import KEK ' +
    'that the NIC holds. The wrapped credential is ciphertext and safe on disk. A login that is INVALID, because ' +
    'the crypto officer deleted its KEK or credential, is replaced.';
  static override examples = ['dek login --credential credential.wrapped --credential-id 0x10 --import-kek-id 0x20'];
  static override flags = {
    credential: Flags.string({
      required: true,
      helpValue: 'FILE',
      description: `wrapped credential (48 bytes): a path, ${SOURCE_FORMS}`,
    }),
    'credential-id': idFlag({
      required: true,
      description: `id of the credential on the NIC ${FIRST_ID}`,
    }),
    'import-kek-id': idFlag({
      required: true,
      description: `id of the import KEK on the NIC ${FIRST_ID}`,
    }),
    socket: socketFlag,
  };

  async run(): Promise<LoginStatus> {
    const {flags} = await this.parse(Login);
    const credential = await readCiphertext(flags.credential, [WRAPPED_CREDENTIAL_BYTES], 'wrapped credential');
    const agent = await connectAgent(flags.socket);
    const login = await agent.login({
      credential,
      credentialId: flags['credential-id'],
      importKekId: flags['import-kek-id'],
    });
    this.log(`login: ${describeLogin(login)}`);
    if (login.state !== 'VALID') process.exitCode = 7;
    return login;
  }
}
