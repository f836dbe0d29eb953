// irc-framework, on which The Lounge and Kiwi IRC are built: its events are what people would see.
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
  WAIT = '20',
} = process.env;
const IRC = createRequire(`${NODE_FOLDER}/`)('irc-framework');

const CLIENT = 'irc-framework';
const ROOM = `#${CLIENT}`;
const PASSWORD = 'secret-framework';

/** All events of the present session, each with its name. */
let events = [];
/** All lines of the present session. */
let wire = [];

const client = new IRC.Client();
client.requestCap(['draft/chathistory', 'labeled-response', 'standard-replies']);
client.use((_, raw, parsed) => {
  parsed.use((name, event, _client, next) => {
    events.push({ ...event, name });
    next();
  });
});
client.on('raw', (event) => {
  wire.push(`${event.from_server ? '<' : '>'} ${event.line.trimEnd()}`);
});

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

const saw = (name, fields = {}) =>
  events.find(
    (event) =>
      event.name === name && Object.entries(fields).every(([key, value]) => event[key] === value),
  );
const live = (message) =>
  events.filter((event) => event.name === 'privmsg' && event.message === message && !event.batch);
const observer = (line) => fs.appendFileSync(OBSERVER_IN, `${line}\r\n`);
const observed = (regex) =>
  fs
    .readFileSync(OBSERVER_OUT, 'utf8')
    .split('\n')
    .some((line) => regex.test(line));

function start(options) {
  events = [];
  wire = [];
  client.connect({
    host: '127.0.0.1',
    port: Number(PORT),
    nick: CLIENT,
    username: CLIENT,
    gecos: 'A library',
    auto_reconnect: false,
    enable_chghost: true,
    enable_setname: true,
    enable_echomessage: true,
    ...options,
  });
}

async function quit(session) {
  client.quit('see you');
  await eventually('is closed after its quit', () => !client.connected);
  save(session);
}

const save = (session) => fs.writeFileSync(`${FOLDER}/wire.${session}`, `${wire.join('\n')}\n`);

async function alone() {
  // With nothing but a password it sends that to the server, and by SASL too if it can.
  start({ password: PASSWORD });
  await check('a new name and a password register the name', () =>
    saw('registered', { nick: CLIENT }),
  );
  await check('the lobby opens by itself', () => saw('join', { nick: CLIENT, channel: '#lobby' }));
  await check('knows the name of the network', () => client.network.name);

  client.join(ROOM);
  await check('joins a room', () => saw('join', { nick: CLIENT, channel: ROOM }));
  observer(`JOIN ${ROOM}`);
  await check('sees somebody join', () => saw('join', { nick: 'watcher', channel: ROOM }));
  client.say(ROOM, 'Grüße; from ${x} %s');
  await check('says a line', () =>
    observed(/^:irc-framework!\S+ PRIVMSG #irc-framework :Grüße; from \$\{x\} %s$/),
  );
  observer(`PRIVMSG ${ROOM} :Grüße back`);
  const [answer] = await check(
    'sees an answer',
    () => live('Grüße back').length === 1 && live('Grüße back'),
  );
  await check('got the echo of its own line once', () => live('Grüße; from ${x} %s').length === 1);
  await check(
    'knows when the answer was written, and by whose account',
    () =>
      Math.abs(Date.now() - answer.time) < 600_000 &&
      answer.account === 'watcher' &&
      answer.tags.msgid,
  );
  client.action(ROOM, 'waves');
  await check('does an action', () => observed(/^:irc-framework!\S+ PRIVMSG \S+ :.ACTION waves.$/));

  client.say('watcher', 'between us');
  await check('writes to one person', () =>
    observed(/^:irc-framework!\S+ PRIVMSG watcher :between us$/),
  );
  observer(`PRIVMSG ${CLIENT} :only for you`);
  await check('reads what one person wrote', () => live('only for you').length === 1);

  client.setTopic(ROOM, 'all about it');
  await check('sets a topic', () =>
    observed(/^:irc-framework!\S+ TOPIC #irc-framework :all about it$/),
  );
  await check('knows the topic', () => saw('topic', { channel: ROOM, topic: 'all about it' }));
  client.whois('watcher');
  await check('looks somebody up', () => saw('whois', { nick: 'watcher', account: 'watcher' }));
  client.raw('AWAY', 'out for tea');
  await check('goes away', () => saw('away', { nick: CLIENT }));
  observer(`WHOIS ${CLIENT}`);
  await check('is away for others', () => observed(/ 301 watcher irc-framework :out for tea$/));
  client.raw('AWAY');
  await check('comes back', () => saw('back', { nick: CLIENT }));
  client.who(ROOM);
  await check(
    'lists who is there',
    () =>
      saw('wholist', { target: ROOM })
        ?.users.map((user) => user.nick)
        .sort()
        .join() === 'irc-framework,watcher',
  );

  client.mode(ROOM, '+v', CLIENT);
  client.raw('NAMES', ROOM);
  client.raw('CAP', 'REQ', 'parlor.test/absent');
  await check('takes no for an answer', () => saw('cap nak'));
  await quit(1);
  await check('is gone after its quit', () => observed(/^:irc-framework!\S+ QUIT /));

  start({ account: { account: CLIENT, password: PASSWORD } });
  await check('logs in by SASL PLAIN', () => saw('loggedin', { account: CLIENT }));
  await check('is back in its room', () => saw('join', { nick: CLIENT, channel: ROOM }));
  await check('asked for no room itself', () => !wire.some((line) => line.startsWith('> JOIN')));
  client.say(ROOM, 'here again');
  await check('speaks again', () => observed(/^:irc-framework!\S+ PRIVMSG \S+ :here again$/));
  await history();
  await quit(2);
}

/** A page of the room, as one batch, in the order in which it was said. */
async function history() {
  client.raw('CHATHISTORY', 'LATEST', ROOM, '*', '50');
  const page = await check('reads history by CHATHISTORY', () =>
    events.find((event) => event.name === 'batch end chathistory' && event.params[0] === ROOM),
  );
  const words = page.commands.filter((line) => line.command === 'PRIVMSG');
  await check(
    'finds each line once there, in order',
    () =>
      words.map((line) => line.params[1]).join('|') ===
      'Grüße; from ${x} %s|Grüße back|\x01ACTION waves\x01|here again',
  );
  await check('knows their times and ids', () =>
    words.every(
      (line, at) => line.tags.msgid && (at === 0 || line.tags.time >= words[at - 1].tags.time),
    ),
  );
  await check(
    'an id is the same as when it was said',
    () => words.at(-1).tags.msgid === live('here again')[0].tags.msgid,
  );
  client.raw('CHATHISTORY', 'BEFORE', ROOM, `msgid=${words.at(-1).tags.msgid}`, '1');
  await check('reads the page before', () =>
    events.some(
      (event) =>
        event.name === 'batch end chathistory' &&
        event.commands.length === 1 &&
        event.commands[0].tags.msgid === words.at(-2).tags.msgid,
    ),
  );
}

async function together() {
  start({ account: { account: CLIENT, password: PASSWORD } });
  await check('logs in beside the others', () => saw('loggedin', { account: CLIENT }));
  client.join(TOGETHER);
  // The others have their own time first.
  const wait = 3 * Number(WAIT);
  await eventually('hears that all are here', () => live('all are here').length, wait);
  client.say(TOGETHER, `word from ${CLIENT}`);
  await eventually('hears that all have spoken', () => live('all have spoken').length, wait);
  for (const who of EVERYBODY.split(' ')) {
    await check(`sees the word from ${who} once`, () => {
      const words = live(`word from ${who}`);
      return words.length === 1 && words[0].nick === who && words[0].target === TOGETHER;
    });
  }
  await quit('together');
}

try {
  await { alone, together }[process.argv[2]]();
} catch (error) {
  console.log(`FAIL ${CLIENT}: ${error instanceof Failed ? error.message : error.stack}`);
  console.log(`---- what went over the wire\n${wire.slice(-40).join('\n')}\n----`);
  process.exit(1);
}
process.exit(0);
