// Opens the connection of who stays logged in on this device while the rest of the page is on its way; main.js takes it over.
try {
  if (localStorage.getItem("parlor.stays")) globalThis.early = new WebSocket(location.origin.replace("http", "ws"), "text.ircv3.net");
} catch {
  // Storage that is switched off: then the page opens it.
}
