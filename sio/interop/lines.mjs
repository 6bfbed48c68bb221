// How a Go test drives a program beside it: JSON lines on standard input, reports on
// standard output. Bytes travel as {"$bytes": "<base64>"}, dates as {"$date": <ms>}.
import { createInterface } from "node:readline";

export function pack(value) {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return { $bytes: Buffer.from(value).toString("base64") };
  if (value instanceof Date) return value.toJSON();
  if (Array.isArray(value)) return value.map(pack);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, pack(v)]));
  return value;
}

export function unpack(value) {
  if (Array.isArray(value)) return value.map(unpack);
  if (!value || typeof value !== "object") return value;
  if (typeof value.$bytes === "string") return Buffer.from(value.$bytes, "base64");
  if (typeof value.$date === "number") return new Date(value.$date);
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, unpack(v)]));
}

export function report(client, is, more) {
  process.stdout.write(JSON.stringify({ client, is, ...more }) + "\n");
}

// Does what the lines say until there are no more.
export function obey(actions) {
  createInterface({ input: process.stdin })
    .on("line", (line) => {
      const command = JSON.parse(line);
      actions[command.do](command);
    })
    .on("close", () => process.exit(0));
}
