// The state of the connection: which transport is in use, the upgrade as it
// happens, and what is done about a lost connection.
import { $, problem } from "./dom.js";

const NAMES = { polling: "HTTP long-polling", websocket: "WebSocket", webtransport: "WebTransport" };
const label = (transport) => NAMES[transport] ?? transport;

/** Follows a Socket.IO manager and shows what it does. */
export function watchLink(manager, socket) {
  const chip = $("transport");

  function show(state, name, note = "", from = "") {
    chip.dataset.state = state;
    $("transport-name").textContent = name;
    $("transport-from").textContent = from;
    $("transport-note").textContent = note;
  }

  function opened() {
    const engine = manager.engine;
    const first = engine.transport.name;
    const since = performance.now();
    chip.classList.remove("upgraded");
    show(first, label(first), first === "polling" ? "trying an upgrade" : "direct");
    problem($("notice"));
    engine.once("upgrade", (transport) => {
      const took = Math.max(1, Math.round(performance.now() - since));
      show(transport.name, label(transport.name), `upgraded in ${took} ms`, label(first));
      chip.classList.add("upgraded");
    });
    engine.on("upgradeError", () => show(first, label(first), "the upgrade failed, staying here"));
  }

  show("connecting", "connecting");
  manager.on("open", opened);
  manager.on("error", (error) => {
    show("offline", "offline");
    problem($("notice"), `The server can’t be reached (${error.message}). Trying again.`);
  });
  manager.on("reconnect_attempt", (attempt) => {
    show("offline", "reconnecting", `attempt ${attempt}`);
  });
  socket.on("disconnect", (reason) => {
    show("offline", "offline");
    problem($("notice"), socket.active
      ? `Connection lost (${reason}). Reconnecting; what you write waits for it.`
      : `Disconnected (${reason}). Reload the page to come back.`);
  });
  socket.on("connect_error", (error) => {
    if (socket.active) return; // the manager tries again and says so
    show("offline", "refused");
    problem($("notice"), `The server refused the connection: ${error.message}`);
  });
}
