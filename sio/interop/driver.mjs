// Real socket.io-client instances, driven and reporting as lines.mjs says. Among a
// client's options may be the npm packages to use: package is the client itself,
// parser its parser; answer, what it acknowledges events with, null for never; brief,
// that it reports the lengths of arguments; over, the client whose connection it
// shares; flood, how many events "n" it emits at once before it is connected, each with
// its number and size bytes or characters.
import { obey, pack, report, unpack } from "./lines.mjs";

const clients = new Map();

// Catches all events of a client, also of one that is too old for onAny.
function onAny(socket, listener) {
  if (socket.onAny) {
    socket.onAny(listener);
    return;
  }
  socket.onevent = ({ id, data }) => listener(...data, ...(id === undefined ? [] : [socket.ack(id)]));
}

async function open({ client, url, options: { package: name = "socket.io-client", parser, answer = "answer", brief, over, flood, ...options } = {} }) {
  const { io, default: connect } = await import(name);
  if (parser) options.parser = (await import(parser)).default;
  const socket = over
    ? clients.get(over).io.socket(new URL(url).pathname, options)
    : (io ?? connect)(url, { forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 100, ...options });
  const engine = () => socket.io.engine;
  clients.set(client, socket);
  socket.io.on("open", () => {
    report(client, "open", { text: engine().transport.name });
    engine().once("upgrade", (transport) => report(client, "upgrade", { text: transport.name }));
  });
  socket.io.on("reconnect", () => report(client, "reconnect", {}));
  socket.on("connect", () => report(client, "connect", { text: socket.id, args: [socket.recovered ?? false] }));
  socket.on("connect_error", (error) => report(client, "connect_error", { text: error.message, args: [pack(error.data ?? null)] }));
  socket.on("error", (error) => report(client, "error", { args: [pack(error)] }));
  socket.on("disconnect", (reason) => report(client, "disconnect", { text: reason }));
  onAny(socket, (event, ...args) => {
    const acknowledge = typeof args.at(-1) === "function" ? args.pop() : null;
    report(client, "event", { text: event, args: pack(brief ? args.map((a) => a.length ?? a) : args) });
    if (answer !== null) acknowledge?.(unpack(answer), ...args);
  });
  if (flood) {
    const padding = flood.binary ? Buffer.alloc(flood.size) : "x".repeat(flood.size);
    for (let i = 0; i < flood.n; i++) socket.emit("n", i, padding);
  }
}

const actions = {
  open,
  emit: ({ client, event, args }) => clients.get(client).emit(event, ...unpack(args ?? [])),
  ask: ({ client, event, args, id }) => clients.get(client).emit(event, ...unpack(args ?? []), (...reply) => {
    report(client, `reply ${id}`, { args: pack(reply) });
  }),
  disconnect: ({ client }) => clients.get(client).disconnect(),
  // Emits n events "n" with their numbers and leaves: exits, once they are sent, or
  // disconnects at once.
  leave: ({ client, args: [n, exits] }) => {
    const socket = clients.get(client);
    for (let i = 0; i < n; i++) socket.emit("n", i);
    if (!exits) {
      socket.disconnect();
      return;
    }
    const { engine } = socket.io;
    const exit = () => engine.writeBuffer.length > 0 ? engine.once("drain", exit) : setTimeout(() => process.exit(0), 100);
    exit();
  },
  // Closes the connection under the namespaces.
  drop: ({ client }) => clients.get(client).io.engine.close(),
  // Answers no heartbeat from now on.
  silence: ({ client }) => {
    const { engine } = clients.get(client).io;
    const send = engine._sendPacket;
    engine._sendPacket = (type, ...rest) => type === "pong" || send.call(engine, type, ...rest);
  },
  connect: ({ client }) => clients.get(client).connect(),
  // Connects to another server from the next time on.
  move: ({ client, url }) => {
    clients.get(client).io.uri = url;
    report(client, "moved");
  },
};

obey(actions);
