// Real Socket.IO servers that are members of a cluster, and emitters into it, driven
// and reporting as lines.mjs says. A server tells of events from other servers: it
// answers "ask" with its name and what it was asked, and so "half" unless it is mute.
import { createServer } from "node:http";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { Emitter } from "@socket.io/redis-emitter";
import { createAdapter as createStreamsAdapter } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";
import { obey, pack, report, unpack } from "./lines.mjs";
import { StreamsEmitter } from "./streams_emitter.mjs";

// The adapters wait 5 s for the answers of other servers, and most don't let one
// choose: too long for tests in which they don't come.
const { setTimeout: later } = globalThis;
globalThis.setTimeout = (callback, ms, ...args) => later(callback, ms === 5000 ? 1500 : ms, ...args);

const members = new Map(); // servers and emitters, by name

async function connect(url) {
  const client = createClient({ url, socket: { reconnectStrategy: 50 } });
  client.on("error", () => {}); // tests break connections
  await client.connect();
  return client;
}

const adapters = {
  pubsub: async (url, options) => createAdapter(await connect(url), await connect(url), options),
  sharded: async (url, options) => createShardedAdapter(await connect(url), await connect(url), options),
  streams: async (url, options) => createStreamsAdapter(await connect(url), options),
};

const emitters = {
  pubsub: async (url, options) => new Emitter(await connect(url), options),
  streams: async (url, options) => new StreamsEmitter(await connect(url), options),
};

async function serve({ client, adapter, redis, options, server, port, mute }) {
  const http = createServer();
  const io = new Server(http, { ...server, adapter: await adapters[adapter](redis, options) });
  members.set(client, io);
  for (const name of ["/", "/chat"]) {
    const nsp = io.of(name);
    nsp.on("connection", (socket) => (socket.data = unpack(socket.handshake.auth.data ?? {})));
    for (const event of ["note", "ask", "half"]) {
      nsp.on(event, (...args) => {
        const answer = typeof args.at(-1) === "function" ? args.pop() : null;
        report(client, "server event", { text: event, args: pack([name, ...args]) });
        if (!(mute && event === "half")) answer?.({ by: client, asked: args });
      });
    }
  }
  http.listen(port ?? 0, "127.0.0.1", () => report(client, "listening", { text: `http://127.0.0.1:${http.address().port}` }));
}

async function emitter({ client, adapter, redis, options }) {
  members.set(client, await emitters[adapter](redis, options));
  report(client, "ready");
}

// Narrows a namespace, or an emitter, down to a target.
function aim(of, { rooms = [], except = [], volatile, local, compress, timeout }) {
  let to = of;
  if (rooms.length) to = to.to(rooms);
  if (except.length) to = to.except(except);
  if (volatile) to = to.volatile;
  if (local) to = to.local;
  if (compress !== undefined) to = to.compress(compress);
  if (timeout) to = to.timeout(timeout);
  return to;
}

const methods = {
  emit: (to, args) => void to.emit(...args),
  emitAck: (to, args) => to.emitWithAck(...args),
  fetch: async (to) => (await to.fetchSockets()).map(({ id, rooms, data, handshake }) => ({ id, rooms: [...rooms], data, handshake })),
  count: async (to) => (await to.fetchSockets()).length,
  join: (to, rooms) => void to.socketsJoin(rooms),
  leave: (to, rooms) => void to.socketsLeave(rooms),
  disconnect: (to, [close]) => void to.disconnectSockets(close),
  serverSideEmit: (to, args) => void to.serverSideEmit(...args),
  serverSideEmitAck: (to, args) => to.serverSideEmitWithAck(...args),
};

// Calls a method of a member and reports what it returns, or the error's text with
// the responses that it carries.
async function call({ client, id, method, namespace, target, args }) {
  let text = "", result;
  try {
    result = await methods[method](aim(members.get(client).of(namespace ?? "/"), target ?? {}), unpack(args ?? []));
  } catch (error) {
    ({ message: text, responses: result } = error);
  }
  report(client, `reply ${id}`, { text, args: pack(Array.isArray(result) ? result : [result ?? null]) });
}

const close = ({ client }) => members.get(client).close(() => report(client, "closed"));

obey({ serve, emitter, call, close });
