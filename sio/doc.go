// Package sio is a Socket.IO server (protocol 5 over Engine.IO 4, and with
// [Config.AllowEIO3] protocol 4 over Engine.IO 3): namespaces, sockets, rooms,
// events with acknowledgements, broadcasts, middlewares.
//
//	server, err := sio.New(sio.Config{})
//	sio.On(server, "chat", func(ctx context.Context, s *sio.Socket, text string) error {
//		return s.To("lobby").Emit("chat", text)
//	})
//	err = server.ListenAndServe(":3000")
//
// The package's example is a whole server. More examples, in example_test.go
// and cheatsheet_test.go, show most of the API; a documentation site displays
// them, go doc does not.
//
// The reference, here and in the other packages, is the server that the
// Socket.IO project publishes for Node.
//
// # Events
//
// [On] registers a handler that gets an event's argument as a Go value. [OnAck]
// registers one whose result is the acknowledgement. [Args2], [Args3], [None]
// and [RawArgs] stand for other numbers of arguments. Values are JSON by the
// rules of encoding/json, and []byte is binary. [RawArgs] can also be emitted,
// and used as an acknowledgement: received arguments are passed on without
// being decoded. Handlers registered on the server or a namespace cost nothing
// for each connection; those registered on a socket do. [Socket.Emit] sends,
// and [EmitAck] sends and waits for the client's answer, as long as its context
// allows.
//
// # Namespaces
//
// A [Namespace] has sockets, rooms, handlers and middlewares of its own:
// [Server.Of] makes one, [Server.OfPattern] a family of them. A [Server] embeds
// "/", so its methods of a [Namespace] act on that. A middleware
// ([Namespace.Use]) lets a client in or refuses it, for example by what
// [Handshake.BindAuth] reads. A client that has joined several namespaces has a
// [Socket] in each, over one connection.
//
// # Rooms
//
// [Socket.Join] and [Socket.Leave] put a socket into rooms and take it out; its
// disconnection takes it out of all. To, In and Except of a server, namespace
// or socket return a [BroadcastOperator], which selects the recipients of a
// broadcast; its Emit sends it. The operator that a socket returns excludes
// that socket. The id of a socket is a room with only that socket.
//
// # Errors
//
// An error that an event's handler returns is counted, logged at debug level
// and given to [Config.OnError]. The client gets an [*Error] as the
// acknowledgement, if it has asked for one, and any other error only in general
// terms, with [Config.AnswerErrors]. An argument that does not fit the handler's
// type is an [*ArgumentError], and the handler is not called. An
// error that a middleware returns refuses the client; a [*ConnectError] also
// carries data. A panic is caught, counted, logged and given to
// [Config.OnPanic]; a handler or hook that ends its goroutine by
// [runtime.Goexit], as a test's FailNow does, is treated like one that panics,
// except that an [Inline] handler or packet middleware costs its client the
// connection. A packet that the protocol does not allow closes the connection
// ([*PacketError]). [Stats] has the counts, and a [Reason] says why a socket
// was disconnected.
//
// # The log
//
// No line of the log has what gives access: ids of connections, queries,
// headers, authentication data and arguments. The errors and panics of the
// application and of its types are logged as they are. [Config.Logger] gets
// panics at error level and, at debug level, what becomes of each client, with
// the attributes client (a digest of its connection's id, see
// [eio.Session.LogID]), socket, namespace and remote (the peer's address) where
// they apply:
//
//	eio: connection opened        transport, protocol
//	eio: connection upgraded      from polling to WebSocket
//	eio: upgrade given up         the connection stays on polling
//	eio: connection closed        reason, and error: what was wrong
//	eio: request refused          code, reason, method, path, transport, protocol
//	eio: invalid request          error: not HTTP, or no WebSocket handshake
//	sio: socket connected         recovered
//	sio: socket disconnected      reason, and error: what was wrong
//	sio: namespace refused        reason: by a middleware or a limit
//	sio: unknown namespace        no parent namespace allows it either
//	sio: invalid packet           error: what can't be decoded
//	sio: packet out of order      packet, and the state of the socket
//	sio: closing a connection     error: no namespace was joined in time
//	sio: handler failed           event, error
//	sio: event rejected           event, error: by a packet middleware
//
// At [LevelTrace] there are also the packets, with the attributes client and
// type: "eio: packet in" and "eio: packet out" with the size, "sio: packet in"
// and "sio: packet out". [LogScopes] turns all these lines on and off by
// component.
//
// What clients do is logged at level Info or above a bounded number of times:
// 10 lines with the same text in a second, and one that counts the rest in the
// attribute more. At warn level, once a minute at most, is that many requests
// have an unknown session ID, which is so if a load balancer spreads the
// requests of a client over several servers.
//
// If the logger ignores debug level, each line costs one call of its handler's
// Enabled method.
//
// # Starting and ending
//
// [Server.ListenAndServe] blocks; [Server.Listen] returns once clients can
// connect, and [Server.Wait] waits for the end. [Server.Serve] takes a
// listener. [Server.Handler] mounts the server in a net/http server, beside
// other routes. A server may do all of these at the same time. [Server.Shutdown]
// lets the clients go at the pace of [Config.Drain], disconnects all sockets and
// waits until what they have sent is handled and all handlers have returned, as
// long as its context allows; a [*ShutdownError] counts what is left.
//
// # The end of a socket
//
// What a client has sent before it left is handled. When it leaves the
// namespace, closes its connection or loses it, is cut off as too slow or
// because of what it sent, and when the server shuts down, the events that wait
// are handled in order, and the disconnect handlers are called behind them. A
// handler that starts after its socket has ended gets a context that lasts for
// [Config.LeaveTimeout]: see [HandlerFunc]. Otherwise it finds what
// disconnecting handlers find: [Socket.Context] is done, and the data is there.
// The socket gets no broadcasts to its rooms any more, [Socket.Rooms] still
// returns them, and [Socket.Join] does nothing. Emits and acknowledgements
// return [ErrDisconnected], but with recovery emits are kept for a client that
// may come back. The handler can broadcast.
//
// When the application ends the socket ([Socket.Disconnect] and
// DisconnectSockets, [Conn.Close], [Namespace.Close]), the events that wait are
// dropped and counted in [Stats].Unhandled.
//
// Events behind a handler that never returns stay in memory, within the limits
// of [Config].MaxPendingTotal.
//
// # Goroutines
//
// Everything exported is safe for concurrent use unless it says otherwise.
// There are three kinds of goroutines:
//
//   - Loops own connections, and through them clients: what this package does
//     on behalf of a peer starts there and must not block.
//   - Workers run handlers. All handlers of one socket (middlewares,
//     connection, events, disconnect) run one after the other in the order in
//     which their causes happened, on a worker that the socket has only as long
//     as there is something to run. They may block, also in [Socket.EmitAck].
//   - The application's own. Emits reach one socket in the order in which one
//     goroutine made them.
//
// A handler registered with [Inline] runs on the loop instead: it must not
// block, its arguments are borrowed, and it may overtake earlier events of the
// same socket that still wait for a worker, the connection handlers included.
//
// # Inside: packets and frames
//
// A packet is the unit of the Socket.IO protocol: CONNECT, EVENT, ACK and so
// on. An encodedPacket is one for the wire, encoded once for all its
// recipients: an eio.EncodedPacket, and one more for each attachment. A frame
// is what a connection sends of it, as WebSocket or polling need it. The codec,
// which [New] chooses, encodes packets and parses what clients send. The type
// protocol has what depends on the protocol version of a client.
//
// # Inside: how data flows
//
// In: loop -> codec: header and event name -> the namespace's handler table ->
// inline handlers at once with borrowed arguments; for the others the name and
// the arguments, as the codec has split them, are copied into an [Event] on the
// socket's queue -> worker -> decoded into the handler's type.
//
// Out: encoded once by the caller of Emit -> a task for the socket's loop, or
// one for each loop with members in the broadcast's rooms -> session.
//
// # Inside: locks
//
// Namespaces are found without locks; handlers are read without locks and
// replaced as a whole under Namespace.mu. Parent namespaces and the server's
// hooks are replaced under Server.mu; making or closing any other namespace
// does not take it. Socket.mu guards a socket's queue and its extra. The rooms
// of a namespace have a lock for each loop, in package adapter. No lock is held
// while another is taken, nor while calling out, with four exceptions:
//
//   - A broadcast that waits for acknowledgements holds its lock and takes
//     Socket.mu.
//   - A recoveryLog's lock is taken before any other. It is held when those of
//     sockets, rooms and loops are taken.
//   - Server.mu is held when that of a server attached to it is taken.
//   - Socket.mu is held when the lock of a lateList is taken.
//
// # Other servers
//
// A namespace acts on its own sockets through its rooms. With [Config.Adapter]
// it calls an adapter.Adapter instead, which also sends to other servers,
// unless [BroadcastOperator.Local] was called, and calls the namespace back
// through adapter.Local. An adapter.Recoverer also keeps what clients need to
// come back to any server.
package sio
