// Real socket.io-client instances, driven by JSON lines on standard input and
// reporting on standard output. Bytes travel as {"$bytes": "<base64>"}. Among a
// client's options may be the npm packages to use: package is the client itself,
// parser its parser.
import { createInterface } from "node:readline";

const clients = new Map();

function pack(value) {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return { $bytes: Buffer.from(value).toString("base64") };
  if (Array.isArray(value)) return value.map(pack);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, pack(v)]));
  return value;
}

function unpack(value) {
  if (Array.isArray(value)) return value.map(unpack);
  if (!value || typeof value !== "object") return value;
  if (typeof value.$bytes === "string") return Buffer.from(value.$bytes, "base64");
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, unpack(v)]));
}

function report(client, is, more) {
  process.stdout.write(JSON.stringify({ client, is, ...more }) + "\n");
}

// Catches all events of a client, also of one that is too old for onAny.
function onAny(socket, listener) {
  if (socket.onAny) {
    socket.onAny(listener);
    return;
  }
  socket.onevent = ({ id, data }) => listener(...data, ...(id === undefined ? [] : [socket.ack(id)]));
}

async function open({ client, url, options: { package: name = "socket.io-client", parser, ...options } = {} }) {
  const { io, default: connect } = await import(name);
  if (parser) options.parser = (await import(parser)).default;
  const socket = (io ?? connect)(url, { forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 100, ...options });
  const engine = () => socket.io.engine;
  clients.set(client, socket);
  socket.io.on("open", () => {
    report(client, "open", { text: engine().transport.name });
    engine().once("upgrade", (transport) => report(client, "upgrade", { text: transport.name }));
  });
  socket.io.on("reconnect", () => report(client, "reconnect", {}));
  socket.on("connect", () => report(client, "connect", { text: socket.id }));
  socket.on("connect_error", (error) => report(client, "connect_error", { text: error.message, args: [pack(error.data ?? null)] }));
  socket.on("error", (error) => report(client, "error", { args: [pack(error)] }));
  socket.on("disconnect", (reason) => report(client, "disconnect", { text: reason }));
  onAny(socket, (event, ...args) => {
    const acknowledge = typeof args.at(-1) === "function" ? args.pop() : null;
    report(client, "event", { text: event, args: pack(args) });
    acknowledge?.("answer", ...args);
  });
}

const actions = {
  open,
  emit: ({ client, event, args }) => clients.get(client).emit(event, ...unpack(args ?? [])),
  ask: ({ client, event, args, id }) => clients.get(client).emit(event, ...unpack(args ?? []), (...reply) => {
    report(client, `reply ${id}`, { args: pack(reply) });
  }),
  disconnect: ({ client }) => clients.get(client).disconnect(),
  // Closes the connection under the namespaces.
  drop: ({ client }) => clients.get(client).io.engine.close(),
  // Answers no heartbeat from now on.
  silence: ({ client }) => {
    const { engine } = clients.get(client).io;
    const send = engine._sendPacket;
    engine._sendPacket = (type, ...rest) => type === "pong" || send.call(engine, type, ...rest);
  },
  connect: ({ client }) => clients.get(client).connect(),
};

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const command = JSON.parse(line);
    actions[command.do](command);
  })
  .on("close", () => process.exit(0));
