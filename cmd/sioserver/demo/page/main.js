// Wires the page's parts to the chat namespace.
import { $, problem } from "./dom.js";
import { compose } from "./compose.js";
import { watchFigures } from "./figures.js";
import { watchLink } from "./link.js";
import { Log } from "./log.js";
import { People } from "./people.js";
import { Profile } from "./profile.js";
import { Rooms } from "./rooms.js";
import { closeSheet } from "./sheets.js";

const PATIENCE = 10_000; // ms to wait for an acknowledgement

function start() {
  const manager = new io.Manager({ path: document.querySelector('meta[name="socket-path"]').content, autoConnect: false });
  const chat = manager.socket("/chat", { auth: (give) => give({ name: profile.name }) });
  const log = new Log();
  const people = new People(() => chat.id);
  let room = "";
  let inside = Promise.withResolvers(); // fulfilled while we are in a room

  /** Asks the server; gives its reply or throws what it complains about. */
  async function ask(event, question) {
    if (!chat.connected) throw new Error("Not connected just now.");
    const reply = await chat.timeout(PATIENCE).emitWithAck(event, question);
    if (reply.error) throw new Error(reply.error);
    return reply;
  }

  // What happens in a room may arrive before the reply that says that we are in
  // it. Such events wait for the reply; those of a room that we left are dropped.
  let early = null;
  function onRoom(event, handle) {
    chat.on(event, (where, ...args) => {
      if (early) early.push({ where, handle: () => handle(...args) });
      else if (where === room) handle(...args);
    });
  }

  async function enter(name) {
    early = [];
    try {
      show(await ask("enter", { room: name }));
      early.filter(({ where }) => where === room).forEach(({ handle }) => handle());
      inside.resolve();
    } finally {
      early = null;
    }
  }

  function show(reply) {
    const fresh = reply.room !== room;
    room = reply.room;
    if (fresh) log.clear();
    reply.history.forEach((message) => log.add(message));
    if (fresh) log.toEnd();
    people.reset(reply.people ?? [], reply.total ?? 0);
    rooms.entered(room);
    $("room-name").textContent = `# ${room}`;
    $("draft").placeholder = `Message #${room}`;
    document.title = `#${room} · sioserver`;
    history.replaceState(null, "", `#${encodeURIComponent(room)}`);
    closeSheet();
  }

  async function say(text) {
    const to = room;
    const row = log.pending({ id: chat.id, name: profile.name }, text);
    await inside.promise; // what is written while offline waits here
    const since = performance.now();
    try {
      if (to !== room) return;
      const { id } = await ask("say", { text });
      log.confirm(row, id, performance.now() - since);
    } catch (error) {
      const why = error.message === "operation has timed out" ? "Not confirmed." : error.message;
      if (to === room) log.fail(row, why, () => say(text));
    }
  }

  const profile = new Profile(async (name) => (await ask("rename", { name })).name);
  const rooms = new Rooms(enter);
  compose(say, (on) => chat.volatile.emit("typing", on));

  chat.on("connect", () => {
    const wanted = room || decodeURIComponent(location.hash.slice(1)) || "lobby";
    enter(wanted).catch(() => enter("lobby")).catch((error) => problem($("notice"), error.message));
  });
  chat.on("disconnect", () => {
    inside = Promise.withResolvers();
  });
  chat.on("welcome", ({ name }) => profile.set(name));
  chat.on("rooms", (list) => rooms.list(list));
  onRoom("message", (message) => {
    people.types(message.from, false);
    log.add(message);
  });
  onRoom("typing", (who, on) => people.types(who, on));
  onRoom("joined", (who) => {
    people.joined(who);
    log.event(`${who.name} came in`);
  });
  onRoom("left", (who) => {
    people.left(who);
    log.event(`${who.name} left`);
  });
  onRoom("renamed", (who, before) => {
    people.renamed(who);
    if (who.id !== chat.id) log.event(`${before} is now ${who.name}`);
  });

  window.addEventListener("hashchange", () => rooms.go(decodeURIComponent(location.hash.slice(1)) || "lobby"));
  watchLink(manager, chat);
  watchFigures(manager);
  chat.connect();
  if (matchMedia("(pointer: fine)").matches) $("draft").focus();
}

if (window.io) {
  start();
} else {
  $("transport-name").textContent = "no client";
  $("transport").dataset.state = "offline";
  problem($("notice"), "This server does not serve the Socket.IO client, which this page needs. Run “make client”, build the server again, and start it without -no-client.");
}
