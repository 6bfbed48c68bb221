//go:build linux

// Package load makes Socket.IO clients by the ten thousand and costs little itself: one goroutine, one epoll instance,
// and no buffer for a connection that has nothing half-read or half-written.
//
// A Generator dials clients of three kinds (WebSocket only, HTTP long-polling only, and polling followed by an upgrade
// to WebSocket, as a stock client does), takes them through the Engine.IO 4 handshake and the connection to the main
// namespace, answers heartbeats, and hands every Socket.IO packet to its Events. What the packets mean is the caller's
// business.
//
// Threading: everything in this package is owned by the goroutine that calls Poll, and callbacks run inside Poll.
// Nothing else runs, so a caller that wants progress calls Poll again and again.
//
// The way of the data: Poll -> epoll -> one shared read buffer -> HTTP response or WebSocket frame -> Engine.IO packet
// -> Events.Packet. Out: Client.Send -> the connection's outbox -> one send when the event that caused it is done.
package load
