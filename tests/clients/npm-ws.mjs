// ws, the WebSocket library that most programs for Node use: each message is to be one line.
import fs from 'node:fs';
import { createRequire } from 'node:module';

const {
  PORT,
  FOLDER,
  NODE_FOLDER,
  OBSERVER_IN,
  OBSERVER_OUT,
  TOGETHER,
  EVERYBODY,
  FINGERPRINT,
  ORIGIN,
  WAIT = '20',
} = process.env;
const WebSocket = createRequire(`${NODE_FOLDER}/`)('ws');

const CLIENT = 'npm-ws';
const ROOM = `#${CLIENT}`;
const PASSWORD = 'secret-ws';
const TEXT = 'text.ircv3.net';
const BINARY = 'binary.ircv3.net';
// All that matters here, and one that no server has.
const TAKES = [
  'batch',
  'message-tags',
  'server-time',
  'account-tag',
  'echo-message',
  'multi-prefix',
];
const ABSENT = 'parlor.test/absent';

class Failed extends Error {}

/** What the condition gives as soon as it gives something. */
async function eventually(what, condition, seconds = Number(WAIT)) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = condition();
    if (found) return found;
    if (Date.now() > end) throw new Failed(what);
    await new Promise((next) => setTimeout(next, 20));
  }
}

async function check(what, condition) {
  const found = await eventually(what, condition);
  console.log(`PASS ${CLIENT}: ${what}`);
  return found;
}

const observer = (line) => fs.appendFileSync(OBSERVER_IN, `${line}\r\n`);
const observed = (regex) =>
  fs
    .readFileSync(OBSERVER_OUT, 'utf8')
    .split('\n')
    .some((line) => regex.test(line));

/** One WebSocket, from its beginning to its end. */
class Session {
  static newest;

  constructor(scheme, protocols = [], options = {}) {
    Session.newest = this;
    /** What went over the wire. */
    this.wire = [];
    /** Lines that came, and whether each message was a binary one. */
    this.lines = [];
    this.binary = [];
    this.pongs = [];
    this.socket = new WebSocket(`${scheme}://127.0.0.1:${PORT}/`, protocols, {
      // Nobody vouches for the server's own certificate; its fingerprint is compared instead.
      rejectUnauthorized: false,
      ...options,
    });
    this.socket.on('message', (data, isBinary) => {
      const line = data.toString('utf8');
      this.lines.push(line);
      this.binary.push(isBinary);
      this.wire.push(`< ${line}`);
    });
    this.socket.on('upgrade', (response) => {
      this.certificate = response.socket.getPeerCertificate?.();
    });
    this.socket.on('pong', (data) => this.pongs.push(data.toString()));
    this.socket.on('unexpected-response', (_, response) => {
      this.refused = response.statusCode;
      response.destroy();
    });
    this.socket.on('error', (error) => {
      this.error = error;
    });
    this.socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
  }

  send(line) {
    this.wire.push(`> ${line}`);
    this.socket.send(line);
  }

  saw(regex) {
    const found = this.lines.filter((line) => regex.test(line));
    return found.length ? found : undefined;
  }

  async open(what) {
    await check(what, () => this.socket.readyState === WebSocket.OPEN);
  }

  /** Logs in as clients do that negotiate. */
  async negotiate() {
    this.send('CAP LS 302');
    this.send(`NICK ${CLIENT}`);
    this.send(`USER ${CLIENT} 0 * :A library`);
    // A `*` before them says that more will come.
    await eventually('is offered capabilities', () => this.saw(/ CAP \* LS :/));
    const offered = this.saw(/ CAP \* LS /).flatMap((line) =>
      line
        .replace(/^.* LS (\* )?:/, '')
        .split(' ')
        .map((word) => word.split('=')[0]),
    );
    const taken = [...TAKES, 'sasl', 'draft/multiline'].filter((name) => offered.includes(name));
    this.send(`CAP REQ :${taken.join(' ')}`);
    this.send('AUTHENTICATE PLAIN');
    await eventually('is asked for its password', () => this.saw(/^AUTHENTICATE \+$/));
    this.send(`AUTHENTICATE ${Buffer.from(`\0${CLIENT}\0${PASSWORD}`).toString('base64')}`);
    await check('logs in by SASL PLAIN', () => this.saw(/ 903 /));
    this.send('CAP END');
    await eventually('is welcomed', () => this.saw(/ 001 npm-ws /));
  }

  /** Closes as a page does. */
  async close() {
    this.socket.close(1000, 'see you');
    await eventually('is closed', () => this.closed);
  }

  save(name) {
    fs.writeFileSync(`${FOLDER}/wire.${name}`, `${this.wire.join('\n')}\n`);
  }
}

async function alone() {
  await plain();
  await encrypted();
  await subprotocols();
  await closings();
  await origins();
}

async function plain() {
  const session = new Session('ws', [TEXT]);
  await session.open('opens a WebSocket');
  await check('is given text', () => session.socket.protocol === TEXT);
  await check('is given no compression', () => session.socket.extensions === '');
  session.send(`LOGIN ${CLIENT} :${PASSWORD}`);
  await check('registers a name by LOGIN', () => session.saw(/ NOTE LOGIN ACCOUNT_CREATED /));
  session.send('BM :Grüße, ☃');
  await check('broadcasts', () => observed(/^:npm-ws!\S+ PRIVMSG #lobby :Grüße, ☃$/));
  observer('BM :Grüße back, ☃');
  await check('sees an answer', () => session.saw(/^:watcher!\S+ PRIVMSG #lobby :Grüße back, ☃$/));
  session.socket.ping('still there?');
  await check('its ping is answered', () => session.pongs.join() === 'still there?');
  session.socket.send('BM :in fr', { fin: false });
  session.socket.send('agments', { fin: true });
  await check('speaks in fragments', () => observed(/^:npm-ws!\S+ PRIVMSG #lobby :in fragments$/));
  session.send('BM :two\r\nBM :lines');
  await check('a message is one line, or none', () => session.saw(/^\S* ?FAIL BM INVALID_LINE /));
  await check(
    'each message was a line of text without an end',
    () => session.binary.every((is) => !is) && session.lines.every((line) => !/[\r\n]/.test(line)),
  );
  await session.close();
  await check('is closed with 1000', () => session.closed.code === 1000);
  await check('is gone then', () => observed(/^:npm-ws!\S+ QUIT /));
}

async function encrypted() {
  const session = new Session('wss', [BINARY]);
  await session.open('opens a WebSocket through TLS');
  await check(
    'sees the fingerprint of the starting lines',
    () => session.certificate.fingerprint256 === FINGERPRINT,
  );
  await check('is given binary', () => session.socket.protocol === BINARY);
  await session.negotiate();
  session.send(`JOIN ${ROOM}`);
  await check('joins a room', () => session.saw(/ JOIN #npm-ws/));
  observer(`JOIN ${ROOM}`);
  await check('sees somebody join', () => session.saw(/^(@\S+ )?:watcher!\S+ JOIN #npm-ws/));
  for (const line of [
    `BATCH +1 draft/multiline ${ROOM}`,
    `@batch=1 PRIVMSG ${ROOM} :Grüße;`,
    `@batch=1 PRIVMSG ${ROOM} :from \${x} %s`,
    'BATCH -1',
  ]) {
    session.send(line);
  }
  await check(
    'says two lines at once',
    () => observed(/PRIVMSG #npm-ws :Grüße;$/) && observed(/PRIVMSG #npm-ws :from \$\{x\} %s$/),
  );
  observer(`PRIVMSG ${ROOM} :Grüße back`);
  const [answer] = await check('sees an answer through TLS', () =>
    session.saw(/:watcher!\S+ PRIVMSG #npm-ws :Grüße back$/),
  );
  await check('knows when, and by whose account', () =>
    /^@(?=\S*time=)(?=\S*msgid=)\S*account=watcher/.test(answer),
  );
  session.send(`MODE ${ROOM} +v ${CLIENT}`);
  session.send(`NAMES ${ROOM}`);
  session.send(`CAP REQ ${ABSENT}`);
  await check('takes no for an answer', () => session.saw(/ CAP \S+ NAK /));
  await check('each message was binary', () => session.binary.every((is) => is));
  session.send('QUIT :see you');
  await check('is closed with 1000 after QUIT', () => session.closed?.code === 1000);
  session.save('encrypted');
}

async function subprotocols() {
  for (const [offered, given, what] of [
    [[], '', 'none'],
    [[TEXT, BINARY], TEXT, 'text before binary'],
    [[BINARY, TEXT], BINARY, 'binary before text'],
    [['chat.example', BINARY], BINARY, 'another before binary'],
  ]) {
    const session = new Session('ws', offered);
    await eventually(`opens, offering ${what}`, () => session.socket.readyState === WebSocket.OPEN);
    session.send('PING there');
    await check(
      `offers ${what}, is given ${given || 'text without a name'}`,
      () =>
        session.saw(/ PONG .*there$/) &&
        session.socket.protocol === given &&
        session.binary.every((is) => is === (given === BINARY)),
    );
    await session.close();
  }
}

async function closings() {
  for (const [code, what, send] of [
    [1009, 'too long', (socket) => socket.send('x'.repeat(5000))],
    [1007, 'not UTF-8', (socket) => socket.send(Buffer.from([0x42, 0xe9]), { binary: false })],
    [1002, 'without a mask', (socket) => socket.send('PING here', { mask: false })],
  ]) {
    for (const scheme of ['ws', 'wss']) {
      const session = new Session(scheme, [TEXT]);
      await eventually('opens to be closed', () => session.socket.readyState === WebSocket.OPEN);
      send(session.socket);
      await check(
        `a message that is ${what} closes with ${code}, ${scheme}`,
        () => session.closed?.code === code && session.closed.reason,
      );
    }
  }
}

async function origins() {
  const page = new Session('wss', [TEXT], { origin: ORIGIN });
  await page.open('a page of the configured origin may connect');
  await page.close();
  const other = new Session('ws', [TEXT], { origin: 'https://elsewhere.example' });
  await check('a page of another origin may not', () => other.refused === 403);
}

async function together() {
  const session = new Session('wss', [TEXT]);
  await session.open('opens a WebSocket beside the others');
  await session.negotiate();
  session.send(`JOIN ${TOGETHER}`);
  // The others have their own time first.
  const wait = 3 * Number(WAIT);
  await eventually('hears that all are here', () => session.saw(/ :all are here$/), wait);
  session.send(`PRIVMSG ${TOGETHER} :word from ${CLIENT}`);
  await eventually('hears that all have spoken', () => session.saw(/ :all have spoken$/), wait);
  for (const who of EVERYBODY.split(' ')) {
    const word = new RegExp(`^(@\\S+ )?:${who}!\\S+ PRIVMSG ${TOGETHER} :word from ${who}$`);
    await check(`sees the word from ${who} once`, () => session.saw(word)?.length === 1);
  }
  await session.close();
}

try {
  await { alone, together }[process.argv[2]]();
} catch (error) {
  console.log(`FAIL ${CLIENT}: ${error instanceof Failed ? error.message : error.stack}`);
  const { wire = [], closed, refused, error: why } = Session.newest ?? {};
  console.log(`---- what went over the wire\n${wire.slice(-40).join('\n')}\n----`);
  console.log(JSON.stringify({ closed, refused, why: why?.message }));
  process.exit(1);
}
process.exit(0);
