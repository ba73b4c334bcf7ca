import {once} from 'node:events';
import fs from 'node:fs';
import type {ServerResponse} from 'node:http';
import {connect} from 'node:net';
import {join} from 'node:path';
import {text} from 'node:stream/consumers';
import {expect} from 'chai';
import {Listener, type RequestHandler} from '../../../src/agent/server/listener.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';
import {until} from '../../support/until.js';

describe('listener', () => {
  let directory: string;
  let socket: string;
  let listener: Listener | undefined;

  beforeEach(() => {
    directory = temporaryDirectory();
    socket = join(directory, 'agent.sock');
  });
  afterEach(async () => {
    await listener?.close();
    listener = undefined;
    fs.rmSync(directory, {recursive: true});
  });

  const handler: RequestHandler = {
    routing: (_request, response) => void response.end('answered'),
    close: async () => {},
  };

  async function start(load: () => Promise<RequestHandler>): Promise<void> {
    listener = new Listener(load);
    await listener.listen({path: socket});
  }

  /** What comes back for `words`, up to the end of the connection. */
  async function ask(words: string): Promise<string> {
    const connection = connect(socket);
    connection.write(words);
    return text(connection);
  }

  /** A listener whose handler is loaded when `loaded` is called; `request` resolves when it is asked for. */
  async function startSlowly(): Promise<{request: Promise<void>; loaded: (handler: RequestHandler) => void}> {
    let loaded = (_answerer: RequestHandler): void => {};
    let asked = (): void => {};
    const request = new Promise<void>((resolve) => {
      asked = resolve;
    });
    await start(() => {
      asked();
      return new Promise((resolve) => {
        loaded = resolve;
      });
    });
    return {request, loaded: (handler) => loaded(handler)};
  }

  it('keeps a request that comes before the handler until it is loaded', async () => {
    const {request, loaded} = await startSlowly();
    const answer = ask('GET / HTTP/1.0\r\n\r\n');
    await request;
    loaded(handler);
    expect(await answer).to.match(/\r\n\r\nanswered$/);
  });

  it('loads the handler once for requests that come together', async () => {
    let loads = 0;
    await start(async () => {
      loads++;
      return handler;
    });
    await Promise.all([ask('GET / HTTP/1.0\r\n\r\n'), ask('GET / HTTP/1.0\r\n\r\n')]);
    expect(loads).to.equal(1);
  });

  it('answers with an error when the handler cannot be loaded', async () => {
    await start(() => Promise.reject(new Error('no such file')));
    expect(await ask('GET / HTTP/1.0\r\n\r\n')).to.match(/^HTTP\/1\.1 500 .*"code":"INTERNAL"/s);
  });

  it('refuses what is not HTTP without loading the handler', async () => {
    let loads = 0;
    await start(async () => {
      loads++;
      return handler;
    });
    expect([(await ask('hello\r\n\r\n')).split('\r\n')[0], loads]).to.deep.equal(['HTTP/1.1 400 Bad Request', 0]);
  });

  it('takes a request without a host', async () => {
    await start(async () => handler);
    expect(await ask('GET / HTTP/1.1\r\nConnection: close\r\n\r\n')).to.match(/^HTTP\/1\.1 200 OK.*answered/s);
  });

  it('cuts a client off that sends request after request and waits for no answer', async () => {
    const unanswered: ServerResponse[] = [];
    await start(async () => ({routing: (_request, response) => void unanswered.push(response), close: async () => {}}));
    const request = 'GET / HTTP/1.1\r\n\r\n';
    const connection = connect(socket).on('error', () => {}); // what it sends then goes nowhere
    const ended = new Promise((resolve) => connection.once('close', resolve));
    connection.write(request.repeat(64));
    await until(() => unanswered.length === 64);
    connection.write(request.repeat(10_000));
    await ended;
    expect(unanswered.length).to.equal(64);
  });

  it('answers any number of requests of one connection that come one after the other', async () => {
    await start(async () => handler);
    const connection = connect(socket);
    for (let i = 0; i < 200; i++) {
      connection.write('GET / HTTP/1.1\r\n\r\n');
      await once(connection, 'data');
    }
    connection.destroy();
  });

  it('closes while the handler is loading', async () => {
    const {request, loaded} = await startSlowly();
    const answer = ask('GET / HTTP/1.1\r\nHost: dek\r\n\r\n').catch(() => '');
    await request;
    const closed = listener!.close();
    loaded(handler);
    await closed;
    expect(await answer).to.match(/^$|^HTTP\/1\.1 200 OK/); // answered or not, but ended
  });
});
