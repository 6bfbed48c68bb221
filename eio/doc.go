// Package eio serves Engine.IO protocol 4: HTTP long-polling and WebSocket, the
// upgrade from one to the other, heartbeats, and the ways a session ends. It
// runs on the loops of package loop, and hands messages to an [Upper], which
// for Socket.IO is package sio.
//
// # The way of the data
//
//	loop.Conn ── Data ──► httpConn ── route ──► handshake, poll, receive ──► core ──► Upper
//	                         │ upgrade                                         ▲
//	                         └─────► wsConn ── messages ───────────────────────┘
//
//	Session.Send ──► core ──► wsConn's outbox, or the answer to a parked GET
//
// The [core] is the protocol's state machine, without sockets and clock.
// Session gives it both. httpConn and wsConn are what a connection is at the
// moment; parsing lies in the packages http1 and wsframe.
//
// # Threading
//
// A session, the connections that carry it and its timer live on one loop for
// the session's life. The sid names that loop; a connection that brings a
// request for a session elsewhere is moved there before the request acts. So
// nothing here is locked, and everything is loop-owned unless it says otherwise.
//
// What connections hold of messages and requests that are not complete is bounded
// for each loop: see type receiving.
//
// With [Forwarding] a sid names its node of a cluster too. What belongs to another
// node is handed to package forward, on a goroutine.
package eio
