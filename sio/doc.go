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
// # Goroutines
//
// Everything exported is safe for concurrent use unless it says otherwise.
// There are three kinds of goroutines:
//
//   - Loops own connections, and through them clients: what this package does
//     on behalf of a peer starts there and must not block.
//   - Workers run handlers. All handlers of one socket (middlewares, connection,
//     events, disconnect) run one after the other in the order in which their
//     causes happened, on a worker that the socket has only as long as there is
//     something to run. They may block, also in [Socket.EmitAck].
//   - The application's own. Emits reach one socket in the order in which one
//     goroutine made them.
//
// A handler registered with [Inline] runs on the loop instead: it must not
// block, its arguments are borrowed, and it may overtake earlier events of the
// same socket that still wait for a worker, the connection handlers included.
//
// # The way of the data
//
// In: loop -> packet header and event name -> the namespace's route -> inline
// handlers at once with borrowed arguments; for the others the arguments are
// copied into an [Event] on the socket's queue -> worker -> decoded into the
// handler's type.
//
// Out: encoded once by the caller of Emit -> a task for the socket's loop, or one
// for each loop with members in the broadcast's rooms -> session.
//
// # Locks
//
// Namespaces and handlers are read without locks and replaced as a whole under
// Server.mu or Namespace.mu. Socket.mu guards a socket's queue and its rarely
// needed parts; adapter shards have their own locks. None is held while another
// one is taken, nor while calling out.
package sio
