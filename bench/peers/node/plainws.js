// A plain "ws" server that answers the harness's clients with canned Socket.IO packets: what WebSocket alone costs in
// Node. See ../README.md for what it must do; it has no rooms.
"use strict";

const { WebSocketServer } = require("ws");
const { answerFigures } = require("./figures");

const handshake = '0{"sid":"plain","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}';
const event = /^42(\d*)\["(\w+)",/;

const server = new WebSocketServer({ port: Number(process.env.PORT), host: "127.0.0.1" });

function onMessage(data) {
  const packet = data.toString();
  if (packet === "40") {
    this.send('40{"sid":"plain"}');
    return;
  }
  const match = event.exec(packet);
  if (!match) {
    return;
  }
  const rest = packet.slice(match[0].length);
  if (match[2] === "echo") {
    this.send(`43${match[1]}[${rest}`);
  } else if (match[2] === "broadcast") {
    const message = `42["message",${rest}`;
    for (const client of server.clients) {
      client.send(message);
    }
  }
}

server.on("connection", (socket) => {
  socket.on("message", onMessage);
  socket.send(handshake);
});
answerFigures();
