// Joins a server of the reference implementation with others through the Redis of the environment variable REDIS_URL, by
// the client and in the way that the adapters' own documentation shows first.
"use strict";

async function connected(client) {
  client.on("error", (error) => console.error("Error: redis:", error.message));
  await client.connect();
  return client;
}

// joinBy gives the adapter with the name, connected, or undefined for any other name.
exports.joinBy = async function (name) {
  if (!["pubsub", "sharded", "streams"].includes(name)) {
    return undefined;
  }
  const client = await connected(require("redis").createClient({ url: process.env.REDIS_URL }));
  if (name === "streams") {
    return require("@socket.io/redis-streams-adapter").createAdapter(client);
  }
  const { createAdapter, createShardedAdapter } = require("@socket.io/redis-adapter");
  const create = name === "sharded" ? createShardedAdapter : createAdapter;
  return create(client, await connected(client.duplicate()));
};
