// For working on the web client: serves web/ as it is, so that a change needs a reload and no build, and passes
// WebSockets on to a chatserver.
//
//     chatserver -p 9999 &
//     node web/dev.mjs 8080 9999

import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const types = {
  ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml", ".png": "image/png", ".webmanifest": "application/manifest+json",
};
// The same as the server's, so that nothing works here that does not work there.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
  + "manifest-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'";

/**
 * @param {number} port 0 picks a free one
 * @param {() => number} chatPort
 * @returns {Promise<import("node:http").Server>}
 */
export function serveSources(port, chatPort) {
  const folder = fileURLToPath(new URL(".", import.meta.url));
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    // As modules, not as the one script that the build makes of them.
    const name = { "/": "/index.html", "/app.js": "/app/main.js" }[path] ?? normalize(path);
    const file = createReadStream(join(folder, name));
    file.on("error", () => response.writeHead(404).end());
    file.on("open", () => {
      response.writeHead(path === "/app.js" ? 302 : 200, {
        "Content-Type": types[extname(name)] ?? "text/plain", "Content-Security-Policy": policy, "Location": name,
        "Cache-Control": "no-store",
      });
      file.pipe(response);
    });
  });
  server.on("upgrade", (request, socket, head) => {
    const chat = connect(chatPort(), "127.0.0.1", () => {
      const headers = request.rawHeaders.map((text, at) => (at % 2 ? `${text}\r\n` : `${text}: `)).join("");
      chat.write(`GET / HTTP/1.1\r\n${headers}\r\n`);
      chat.write(head);
      socket.pipe(chat).pipe(socket);
    });
    chat.on("error", () => socket.destroy());
    socket.on("error", () => chat.destroy());
    socket.on("close", () => chat.destroy());
    chat.on("close", () => socket.destroy());
  });
  return new Promise((resolve) => {
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [port = "8080", chatPort = "9999"] = process.argv.slice(2);
  await serveSources(Number(port), () => Number(chatPort));
  console.log(`http://localhost:${port}/`);
}
