import {request} from 'node:http';
import {text} from 'node:stream/consumers';
import {expect} from 'chai';
import type {ErrorJson} from '../../../src/errors.js';
import {AgentProcess} from '../../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';

describe('a request by hand', () => {
  let device: TestDevice;
  let agent: AgentProcess;
  before(async () => {
    device = await testDevice();
    agent = await AgentProcess.start(device);
  });
  after(async () => {
    await agent.end();
    device.remove();
  });

  function send(method: string, path: string): Promise<ErrorJson['error']> {
    return new Promise((resolve, reject) => {
      const sent = request({socketPath: agent.socket, method, path, agent: false}, async (response) => {
        resolve((JSON.parse(await text(response)) as ErrorJson).error);
      });
      sent.once('error', reject);
      sent.end();
    });
  }

  for (const [method, path, message] of [
    ['PUT', '/v1/deks/a?import=wrapped&opaque=abc', '"opaque" expected up to 8 bytes in hex'],
    ['PUT', '/v1/deks/a?import=wrapped&opaque=000102030405060708', '"opaque" expected up to 8 bytes in hex'],
    [
      'PUT',
      '/v1/deks/.a?import=wrapped',
      '"name" expected 1 to 128 letters, digits and . _ : @ + -, a letter or a digit first',
    ],
    ['POST', '/v1/apply?path=manifest', '"path" expected an absolute path'],
    [
      'POST',
      '/v1/apply?kek=kek',
      '"kek" expected file: and an absolute path, or another source that can be asked again, such as cred:NAME',
    ],
    ['PUT', '/v1/login?credentialId=1', "the parameters must have required property 'importKekId'"],
  ] as const) {
    it(`is told what is wrong: ${method} ${path}`, async () => {
      expect(await send(method, path)).to.include({code: 'BAD_ARGUMENT', message});
    });
  }

  for (const opaque of ['ABCD', '0xabcd', '']) {
    it(`may have the label ${opaque}`, async () => {
      const {message} = await send('PUT', `/v1/deks/a?import=wrapped&opaque=${opaque}`);
      expect(message).to.equal('"wrapped DEK" expected 40, 48, 72 or 80, got 0');
    });
  }
});
