// What only the account's owner may do: asked by the password, where this device has logged in by its token.

/** @import { Message } from "../core/types.js" */
/** @import { App } from "./app.js" */
import { formatLine, parseMessage } from "../core/message.js";
import { Asking, notesIn, refusalIn } from "./asking.js";

/** What the app knows of it. @typedef {{ owner: Asking | undefined, endOwner: () => void }} Owning */

/**
 * Questions on a connection that has logged in by the password; it lasts while the person's own things are shown.
 * @param {Owning} app
 * @param {WebSocket} socket
 */
export function ownerOn(app, socket) {
  app.endOwner();
  const owner = new Asking((line) => socket.send(line));
  const ended = () => {
    owner.broken();
    if (app.owner === owner) app.owner = undefined;
  };
  socket.onmessage = ({ data }) => {
    const message = parseMessage(data);
    if (message?.verb === "PING") socket.send(formatLine("PONG", [], message.params[0] ?? ""));
    else owner.takes(data);
  };
  socket.onclose = ended;
  app.owner = owner;
  app.endOwner = () => {
    ended();
    socket.close();
  };
  return owner;
}

/**
 * Asks for the password, unless it has been given; resolves with nothing if the person cancels.
 * @param {App} app
 * @returns {Promise<Asking | undefined>}
 */
export async function proofOf(app) {
  return app.owner ?? new Promise((resolve) => {
    // Of two questions at once the second one is asked.
    app.endProof();
    app.proved = resolve;
    app.drawNow();
  });
}

/**
 * Asks something of the account, by the password if the server wants it.
 * @param {App} app
 * @param {string[]} params of `ACCOUNT`; spaces are kept in the last one
 * @returns {Promise<Message[]>}
 */
export async function askAsOwner(app, params) {
  const line = formatLine("ACCOUNT", params.slice(0, -1), params.at(-1));
  const answer = await (app.owner ?? app.asking).ask(line);
  if (notesIn(answer, "PASSWORD_REQUIRED").length === 0) return answer;
  const owner = await proofOf(app);
  return owner ? owner.ask(line) : answer;
}

/**
 * Changes something of the account, and says how it went.
 * @param {App} app
 * @param {string[]} params of `ACCOUNT`; spaces are kept in the last one
 * @param {string} [done] what to say if it is a yes
 */
export async function change(app, params, done) {
  const answer = await askAsOwner(app, params);
  const refusal = refusalIn(answer);
  if (refusal || done) app.say(refusal || (done ?? ""), refusal !== "");
  return answer;
}
