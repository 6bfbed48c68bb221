// Package eio serves Engine.IO protocol 4 and, with [Config.AllowEIO3],
// protocol 3: HTTP long-polling and WebSocket, the upgrade from one to the
// other, heartbeats, and the ways a session ends. It runs on the loops of
// package loop and hands messages to an [Upper], which for Socket.IO is package
// sio.
//
// # Words
//
// A packet is the unit of Engine.IO: a type and data (engineio.Packet). A
// message is the data of a packet of type message, text or binary; only
// messages reach the Upper. An [EncodedPacket] is a packet ready to be sent,
// shared by all sessions that it is sent to. A payload is several packets in
// one HTTP body. A frame is WebSocket's unit; one frame or several carry a
// packet. A loop.Frame is a pooled buffer of bytes, whatever they mean.
//
// # How data flows
//
//	loop.Conn ─ Data ─► httpConn ─ route ─► handshake, poll, receive ─► core
//	                       │ upgrade                                    ▲ ▼
//	                       └─────► wsConn ── messages ──────────────────┘ Upper
//
//	Session.Send ──► core ──► wsConn's outbox, or the answer to a parked GET
//
// In: http.go parses requests, route.go finds the session, polling.go and
// websocket.go take packets out of bodies and frames, core_receive.go checks
// whether they are allowed. refusal.go has the answers to requests that are not
// served. Out: session.go takes packets, core.go queues them for a GET or
// passes them to the WebSocket, respond.go and compression.go write them.
//
// The [core] is the protocol's state machine. It uses no connection and no
// clock: its Session passes it events and times, and carries out its actions.
// httpConn and wsConn are the two states of a connection. The parsers are in
// eio/internal/http1 and eio/internal/wsframe.
//
// The protocols differ in how packets are written (wireformat.go) and in which
// side sends pings: with protocol 4 the server, with protocol 3 the client.
//
// # Threading
//
// A session, the connections that carry it and its timer live on one loop for
// the session's life. The sid names that loop. A connection that brings a
// request for a session of another loop moves there before the request is
// served. So this package needs few locks: everything is loop-owned unless its
// comment says otherwise. Functions of the application that may block run on
// goroutines of their own (suspended.go, fallback.go), and net/http serves the
// requests outside of Config.Path (foreign.go).
//
// Config.MaxReceiving bounds, for each loop, what connections hold of messages
// and requests that are not complete: see type receiving.
//
// With [Forwarding] a sid also names its node, which is one server of a
// cluster. A request for a session of another node is forwarded to that node by
// eio/internal/forward, on a goroutine.
package eio
