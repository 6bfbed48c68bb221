"""Real python-socketio clients, driven by JSON lines on standard input and
reporting on standard output like those of driver.mjs."""

import base64
import json
import os
import sys
import threading

import socketio

clients = {}
output = threading.Lock()


def pack(value):
    if isinstance(value, (bytes, bytearray)):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, (list, tuple)):
        return [pack(v) for v in value]
    if isinstance(value, dict):
        return {k: pack(v) for k, v in value.items()}
    return value


def unpack(value):
    if isinstance(value, list):
        return [unpack(v) for v in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("$bytes"), str):
        return base64.b64decode(value["$bytes"])
    return {k: unpack(v) for k, v in value.items()}


def report(client, what, **more):
    with output:
        print(json.dumps({"client": client, "is": what, **more}), flush=True)


def open_client(name, url, options):
    client = socketio.Client(reconnection=False)
    clients[name] = client

    @client.on("connect")
    def connected():
        report(name, "open", text=client.transport())
        report(name, "connect", text=client.get_sid())

    @client.on("disconnect")
    def disconnected():
        report(name, "disconnect")

    @client.on("*")
    def received(event, *args):
        report(name, "event", text=event, args=pack(args))
        return ("answer", *args)

    client.connect(url, transports=options.get("transports"))


def ask(client, name, event, args, number):
    client.emit(event, args, callback=lambda *reply: report(name, f"reply {number}", args=pack(reply)))


for line in sys.stdin:
    command = json.loads(line)
    name = command["client"]
    args = tuple(unpack(command.get("args", [])))
    match command["do"]:
        case "open":
            open_client(name, command["url"], command.get("options") or {})
        case "emit":
            clients[name].emit(command["event"], args)
        case "ask":
            ask(clients[name], name, command["event"], args, command["id"])
        case "disconnect":
            clients[name].disconnect()
os._exit(0)  # the clients' threads would make it wait
