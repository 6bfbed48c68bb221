// Package otelsio traces a server with OpenTelemetry: spans for handlers, for
// emits that are acknowledged, and for what servers emit to each other. It uses
// OpenTelemetry's API only; what happens to the spans is up to the program's
// TracerProvider. Only programs that import it link OpenTelemetry.
//
//	tracer := otelsio.New(otelsio.Config{})
//	srv, err := sio.New(sio.Config{WrapHandlers: []sio.HandlerWrapper{tracer.WrapHandler}})
//	sio.On(srv, "ask", func(ctx context.Context, s *sio.Socket, question string) error {
//		answer, err := sio.EmitAck[string](ctx, tracer.Acks(s), "question", question) // a child of the handler's span
//		…
//	})
//
// # Between servers
//
// [Tracer.ServerSideEmit] carries the context of the span to the other servers,
// where [Tracer.OnServerEvent] continues the trace. The messages between
// servers have no field that the reference's servers leave alone, so the
// context is an argument of its own behind the others: use it among servers of
// this kind. A handler of a server of the reference would get the argument too.
// Without a span that is recorded nothing is added. Broadcasts to clients carry
// no context: no handler runs where they arrive.
//
// # What spans have
//
// Names are "receive EVENT", "emit EVENT" and "server event EVENT", with the
// events that the program has registered or emits, never those that clients
// make up: handlers of all events are "receive (any)" and "receive (packet)".
// Attributes are socketio.namespace, socketio.event and socketio.socket (the
// socket's id, which gives no access). Arguments are in no span. Errors and
// panics set the status.
package otelsio
