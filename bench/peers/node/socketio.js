// A Socket.IO server of the reference implementation for the benchmark harness:
// node socketio.js ws|eiows|uws [deflate|pubsub|sharded|streams], the last three to join others through Redis.
// See ../README.md for what it must do.
"use strict";

const { Server } = require("socket.io");
const { answerFigures } = require("./figures");
const { joinBy } = require("./adapter");

const engine = process.argv[2] || "ws";
const mode = process.argv[3];
const port = Number(process.env.PORT);
const options = { serveClient: false };
if (mode === "deflate") {
  options.perMessageDeflate = { threshold: 64 };
}
if (engine === "eiows") {
  options.wsEngine = require("eiows").Server;
}

const io = new Server(options);

// The reference's own memory figures are taken with the handshake request dropped.
function dropRequest(raw) {
  raw.request = null;
}

// One function for all sockets: a closure a socket would be charged to the server.
function echo(...args) {
  args.pop()(...args);
}

function join(room, ack) {
  this.join(room);
  ack();
}

function broadcast(payload) {
  io.emit("message", payload);
}

function binary(payload) {
  io.emit("message", Buffer.from(payload));
}

function room(name, payload) {
  io.to(name).emit("message", payload);
}

io.on("connection", (socket) => {
  socket.on("echo", echo);
  socket.on("join", join);
  socket.on("broadcast", broadcast);
  socket.on("binary", binary);
  socket.on("room", room);
});

function listen() {
  if (engine === "uws") {
    const app = require("@trufflesuite/uws-js-unofficial").App();
    io.attachApp(app);
    app.listen("127.0.0.1", port, (token) => {
      if (!token) {
        console.error(`Error: port ${port} is taken`);
        process.exit(1);
      }
    });
  } else {
    io.listen(port);
  }
  io.engine.on("connection", dropRequest);
  answerFigures();
}

joinBy(mode).then((adapter) => {
  if (adapter) {
    io.adapter(adapter);
  }
  listen();
});
