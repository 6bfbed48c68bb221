//go:build linux

// Package floor is the limit that every Socket.IO server is compared with: a
// bare epoll loop in one thread that answers with canned bytes and knows just
// enough of WebSocket and Socket.IO to serve the harness's own clients.
//
// It parses no JSON, keeps no session, sends no heartbeat, and checks only what
// the harness's clients can get wrong, so its cost is that of the kernel's
// sockets and little more. It must serve no clients but the harness's.
//
// It has two forms. With one send a message, every message is a system call of
// its own. With joined sends, all that one turn of the loop sends to a
// connection leaves in one call.
//
// Callers: bench/peers/floor (the process that is measured) and the harness's
// own tests. A Server is used by one goroutine, except for Stop.
package floor
