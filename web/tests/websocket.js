// A WebSocket whose server is the test.

export class FakeWebSocket {
  readyState = 0;
  bufferedAmount = 0;
  /** @type {string[]} */
  sent = [];
  /** @type {(() => void) | null} */
  onopen = null;
  /** @type {((event: { data: unknown }) => void) | null} */
  onmessage = null;
  /** @type {((event: { reason: string }) => void) | null} */
  onclose = null;

  /** @param {string} line */
  send(line) {
    this.sent.push(line);
  }

  close() {
    this.readyState = 3;
  }

  accept() {
    this.readyState = 1;
    this.onopen?.();
  }

  /** @param {string[]} lines */
  say(...lines) {
    for (const data of lines) this.onmessage?.({ data });
  }

  breakOff(reason = "") {
    this.readyState = 3;
    this.onclose?.({ reason });
  }

  /** What was sent since the last call. */
  take() {
    return this.sent.splice(0);
  }
}

/** @param {FakeWebSocket} socket @returns {WebSocket} */
export const asWebSocket = (socket) => /** @type {any} */ (socket);
