// Connects, waits for the upgrade, asks, and prints the answer as JSON.
import { io } from "socket.io-client";

const { url, options, event, arg } = JSON.parse(process.argv.at(-1));
const socket = io(url, options);
const upgraded = new Promise((resolve) => socket.io.on("open", () => socket.io.engine.once("upgrade", resolve)));
socket.on("connect_error", (error) => {
  console.error("connect_error:", error.message);
  process.exit(1);
});
await upgraded;
process.stdout.write(JSON.stringify(await socket.emitWithAck(event, arg)));
socket.disconnect();
