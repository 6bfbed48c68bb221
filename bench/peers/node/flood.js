// Stock clients that flood a server: node flood.js URL polling|websocket|upgrade CLIENTS EVENTS
// It reports that it is ready, waits for a line, and then lets each client emit its events as soon as it is connected, all
// in one go. The next client connects when that is done: emitting keeps this process busy, and an upgrade must be over in
// ten seconds. Behind its events each asks for their count. One report a client; see ../README.md.
"use strict";

const { createInterface } = require("node:readline");
const { io } = require("socket.io-client");

const [url, transport, clients, events] = process.argv.slice(2);
const options = {
  transports: transport === "upgrade" ? ["polling", "websocket"] : [transport],
  forceNew: true,
  reconnection: false,
};

function report(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

function flood(client) {
  if (client === Number(clients)) return;
  const socket = io(url, options);
  let over = false;
  function end(how) {
    if (!over) {
      over = true;
      report({ client, ...how });
    }
  }
  socket.on("connect", () => {
    for (let number = 0; number < Number(events); number++) {
      socket.emit("work", number);
    }
    socket.emit("count", (handled, disordered) => end({ handled, disordered, transport: socket.io.engine.transport.name }));
    setImmediate(flood, client + 1);
  });
  socket.on("connect_error", (error) => {
    end({ reason: `not connected: ${error.message}` });
    setImmediate(flood, client + 1);
  });
  socket.on("disconnect", (reason) => end({ reason: `disconnected: ${reason}` }));
}

createInterface({ input: process.stdin })
  .once("line", () => flood(0))
  .on("close", () => process.exit(0));
report({ ready: true });
