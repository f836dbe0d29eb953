// Logging out.

/** @import { App } from "./app.js" */
import { strings } from "./strings.js";

/**
 * Logs out of this device. Messages that are not sent would be lost, so the person is asked.
 * @param {App} app
 */
export async function logOut(app) {
  const unsent = app.chat.outgoing.length > 0;
  if (unsent && app.dialog?.type !== "logOut") return app.show({ type: "logOut" });
  app.show(undefined);
  await app.client.logOut();
  app.say(strings.loggedOut);
}
