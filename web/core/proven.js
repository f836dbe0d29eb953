/** @import { Login, Problem } from "./types.js" */
/** @import { Scram } from "./scram.js" */
import { Connection } from "./connection.js";

/**
 * Logs in by a password on a connection of its own, beside the page's, which may have logged in by a token: that is
 * not enough for what changes the account.
 * @param {WebSocket} socket A new one. @param {Login} login @param {Scram} scram
 * @returns {Promise<{ problem: Problem, reason: string } | undefined>} Why not. If it is logged in, the socket is the caller's.
 */
export function prove(socket, login, scram) {
  const connection = new Connection(login, scram);
  /** @param {string[]} lines */
  const send = (lines) => lines.forEach((line) => socket.send(line));
  return new Promise((resolve) => {
    socket.onopen = () => {
      /** @type {string[]} */
      const out = [];
      connection.start(out);
      send(out);
    };
    socket.onmessage = async ({ data }) => {
      /** @type {string[]} */
      const out = [];
      const step = connection.receive(data, out);
      if (step?.type === "prove") {
        // Nobody is at this connection, so it takes no messages, and is no last login.
        if (connection.offered.has("draft/pre-away")) out.push("CAP REQ :draft/pre-away", "AWAY *");
        try {
          connection.answer(await scram.respond(step.challenge), out);
        } catch (error) {
          resolve({ problem: "server", reason: /** @type {Error} */ (error).message });
        }
      }
      if (step?.type === "failed") resolve(step);
      if (step?.type === "done") resolve(undefined);
      send(out);
    };
    socket.onclose = ({ reason }) => resolve({ problem: "later", reason: reason || "The connection broke." });
  });
}
