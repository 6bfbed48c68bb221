// Command suite serves what the official protocol suites expect, so that they
// can be run against this library:
//
//	go run ./sio/interop/suite -suite engineio
//	go run ./sio/interop/suite -suite engineio3
//	go run ./sio/interop/suite -suite socketio
//
// Each then waits on port 3000 for the suite of the repository of that name,
// engine.io-protocol (main branch or v3) or socket.io-protocol, and ends with
// SIGINT.
package main
