//go:build linux

// Package load makes tens of thousands of Socket.IO clients at little cost: one
// goroutine, one epoll instance, and no buffer for a connection that has
// nothing half-read or half-written.
//
// A Generator dials clients of three kinds (WebSocket only, HTTP long-polling
// only, and polling followed by an upgrade to WebSocket, as a stock client
// does), takes them through the Engine.IO 4 handshake and the connection to the
// main namespace, answers heartbeats, and hands every Socket.IO packet to its
// Events. It does not look into the packets.
//
// Threading: everything in this package is owned by the goroutine that calls
// Poll, and callbacks run inside Poll. Nothing else runs, so clients make
// progress only while the caller calls Poll.
//
// The data's way: Poll -> epoll -> one shared read buffer -> HTTP response or
// WebSocket frame -> Engine.IO packet -> Events.Packet. Out: Client.Send -> the
// connection's outbox -> one send when the event that caused it is done.
package load
