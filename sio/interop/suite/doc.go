// Command suite serves what the official suites expect, so that they can be run
// against this library:
//
//	go run ./sio/interop/suite -suite engineio
//	go run ./sio/interop/suite -suite engineio3
//	go run ./sio/interop/suite -suite socketio
//	go run ./sio/interop/suite -suite engineio-client
//	go run ./sio/interop/suite -suite socketio-client -addr :3210
//
// The first three wait for the suites of the protocols, which are in the
// Socket.IO project's repository socket.io and in its repositories
// engine.io-protocol (main branch or v3) and socket.io-protocol. The others
// stand in for the servers with which engine.io-client and socket.io-client are
// tested in the repository socket.io. Each ends with SIGINT.
//
// The script run does all of that with a checkout of socket.io. package.json
// has the clients and what the suites need.
package main
