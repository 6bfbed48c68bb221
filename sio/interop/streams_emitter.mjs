// Writes into the stream what @socket.io/redis-streams-emitter 0.1 writes there: the
// package itself is not in the public registry.
import { encode } from "@msgpack/msgpack";

const types = { broadcast: 3, join: 4, leave: 5, disconnect: 6, serverSideEmit: 9 };

function hasBinary(value) {
  if (!value || typeof value !== "object") return false;
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value) || Object.values(value).some(hasBinary);
}

export class StreamsEmitter {
  constructor(redis, { streamName = "socket.io", maxLen = 10_000 } = {}, nsp = "/", opts = { rooms: [], except: [], flags: {} }) {
    Object.assign(this, { redis, options: { streamName, maxLen }, nsp, opts });
  }
  #with(nsp, opts) {
    return new StreamsEmitter(this.redis, this.options, nsp, { ...this.opts, ...opts });
  }
  of(nsp) { return this.#with(nsp, {}); }
  to(rooms) { return this.#with(this.nsp, { rooms }); }
  except(except) { return this.#with(this.nsp, { except }); }
  get volatile() { return this.#with(this.nsp, { flags: { ...this.opts.flags, volatile: true } }); }
  compress(compress) { return this.#with(this.nsp, { flags: { ...this.opts.flags, compress } }); }

  emit(...data) { this.#publish(types.broadcast, { packet: { type: 2, data, nsp: this.nsp }, opts: this.opts }); }
  socketsJoin(rooms) { this.#publish(types.join, { opts: { ...this.opts, flags: {} }, rooms }); }
  socketsLeave(rooms) { this.#publish(types.leave, { opts: { ...this.opts, flags: {} }, rooms }); }
  disconnectSockets(close) { this.#publish(types.disconnect, { opts: { ...this.opts, flags: {} }, close }); }
  serverSideEmit(...packet) { this.#publish(types.serverSideEmit, { packet }); }

  #publish(type, data) {
    const mayBeBinary = type === types.broadcast || type === types.serverSideEmit;
    const text = mayBeBinary && hasBinary(data) ? Buffer.from(encode(data)).toString("base64") : JSON.stringify(data);
    const { streamName, maxLen } = this.options;
    this.redis.xAdd(streamName, "*", { uid: "emitter", nsp: this.nsp, type: `${type}`, data: text }, {
      TRIM: { strategy: "MAXLEN", strategyModifier: "~", threshold: maxLen },
    });
  }
}
