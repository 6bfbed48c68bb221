package sio

import (
	"context"
	"time"
)

// Use adds a middleware to the main namespace: see [Namespace.Use].
func (srv *Server) Use(middleware func(s *Socket) error) { srv.main.Use(middleware) }

// OnConnection adds a connection handler to the main namespace: see [Namespace.OnConnection].
func (srv *Server) OnConnection(h func(s *Socket)) { srv.main.OnConnection(h) }

// OnDisconnecting adds a handler to the main namespace: see [Namespace.OnDisconnecting].
func (srv *Server) OnDisconnecting(h func(s *Socket, reason Reason)) { srv.main.OnDisconnecting(h) }

// OnDisconnect adds a handler to the main namespace: see [Namespace.OnDisconnect].
func (srv *Server) OnDisconnect(h func(s *Socket, reason Reason)) { srv.main.OnDisconnect(h) }

// On adds a handler to the main namespace: see [Namespace.On].
func (srv *Server) On(event string, h HandlerFunc, opts ...HandlerOption) (off func()) {
	return srv.main.On(event, h, opts...)
}

// Emit sends an event to all sockets of the main namespace.
func (srv *Server) Emit(event string, args ...any) error { return srv.main.Emit(event, args...) }

// To addresses rooms of the main namespace: see [Namespace.To].
func (srv *Server) To(rooms ...string) BroadcastOperator { return srv.main.To(rooms...) }

// In is To.
func (srv *Server) In(rooms ...string) BroadcastOperator { return srv.main.To(rooms...) }

// Except addresses everybody in the main namespace but rooms: see [Namespace.Except].
func (srv *Server) Except(rooms ...string) BroadcastOperator { return srv.main.Except(rooms...) }

// Volatile addresses everybody in the main namespace: see [BroadcastOperator.Volatile].
func (srv *Server) Volatile() BroadcastOperator { return srv.main.Volatile() }

// Sockets returns the connected sockets of the main namespace, in no order.
func (srv *Server) Sockets() []*Socket { return srv.main.Sockets() }

// Off removes handlers of the main namespace: see [Namespace.Off].
func (srv *Server) Off(events ...string) { srv.main.Off(events...) }

// Events are the names of the events that the main namespace has handlers for, sorted.
func (srv *Server) Events() []string { return srv.main.Events() }

// Listeners is the number of handlers that the main namespace has for an event.
func (srv *Server) Listeners(event string) int { return srv.main.Listeners(event) }

// ListenersAny is the number of the main namespace's catch-all handlers.
func (srv *Server) ListenersAny() int { return srv.main.ListenersAny() }

// ListenersAnyOutgoing is the number of the main namespace's outgoing listeners.
func (srv *Server) ListenersAnyOutgoing() int { return srv.main.ListenersAnyOutgoing() }

// OnAny adds a catch-all handler to the main namespace: see [Namespace.OnAny].
func (srv *Server) OnAny(h HandlerFunc, opts ...HandlerOption) (off func()) {
	return srv.main.OnAny(h, opts...)
}

// PrependAny adds a catch-all handler to the main namespace: see [Namespace.PrependAny].
func (srv *Server) PrependAny(h HandlerFunc, opts ...HandlerOption) (off func()) {
	return srv.main.PrependAny(h, opts...)
}

// OffAny removes the catch-all handlers of the main namespace.
func (srv *Server) OffAny() { srv.main.OffAny() }

// UsePacket adds a packet middleware to the main namespace: see [Namespace.UsePacket].
func (srv *Server) UsePacket(h HandlerFunc, opts ...HandlerOption) (off func()) {
	return srv.main.UsePacket(h, opts...)
}

// OnError adds an error handler to the main namespace: see [Namespace.OnError].
func (srv *Server) OnError(h func(s *Socket, err error)) { srv.main.OnError(h) }

// OnAnyOutgoing adds a listener to the main namespace: see [Namespace.OnAnyOutgoing].
func (srv *Server) OnAnyOutgoing(h func(s *Socket, event string, args RawArgs)) (off func()) {
	return srv.main.OnAnyOutgoing(h)
}

// PrependAnyOutgoing adds a listener to the main namespace: see [Namespace.PrependAnyOutgoing].
func (srv *Server) PrependAnyOutgoing(h func(s *Socket, event string, args RawArgs)) (off func()) {
	return srv.main.PrependAnyOutgoing(h)
}

// OffAnyOutgoing removes the outgoing listeners of the main namespace.
func (srv *Server) OffAnyOutgoing() { srv.main.OffAnyOutgoing() }

// Timeout limits the waiting for answers: see [Namespace.Timeout].
func (srv *Server) Timeout(d time.Duration) BroadcastOperator { return srv.main.Timeout(d) }

// Compress addresses everybody in the main namespace: see [BroadcastOperator.Compress].
func (srv *Server) Compress(on bool) BroadcastOperator { return srv.main.Compress(on) }

// Local addresses everybody in the main namespace on this server.
func (srv *Server) Local() BroadcastOperator { return srv.main.Local() }

// EmitAck broadcasts an event to the main namespace and waits for
// acknowledgements: see [BroadcastOperator.EmitAck].
func (srv *Server) EmitAck(ctx context.Context, event string, args ...any) ([]RawArgs, error) {
	return srv.main.EmitAck(ctx, event, args...)
}

// FetchSockets returns the sockets of the main namespace: see
// [BroadcastOperator.FetchSockets].
func (srv *Server) FetchSockets(ctx context.Context) ([]RemoteSocket, error) {
	return srv.main.FetchSockets(ctx)
}

// CountSockets counts the sockets of the main namespace: see
// [BroadcastOperator.CountSockets].
func (srv *Server) CountSockets(ctx context.Context) (int, error) { return srv.main.CountSockets(ctx) }

// AllSockets returns the ids of the sockets of the main namespace: see
// [BroadcastOperator.AllSockets].
func (srv *Server) AllSockets(ctx context.Context) ([]string, error) { return srv.main.AllSockets(ctx) }

// SocketsJoin puts all sockets of the main namespace into rooms.
func (srv *Server) SocketsJoin(rooms ...string) error { return srv.main.SocketsJoin(rooms...) }

// SocketsLeave takes all sockets of the main namespace out of rooms.
func (srv *Server) SocketsLeave(rooms ...string) error { return srv.main.SocketsLeave(rooms...) }

// DisconnectSockets disconnects all sockets of the main namespace: see
// [BroadcastOperator.DisconnectSockets].
func (srv *Server) DisconnectSockets(closeConnections bool) error {
	return srv.main.DisconnectSockets(closeConnections)
}

// ServerSideEmit sends an event to the other servers: see [Namespace.ServerSideEmit].
func (srv *Server) ServerSideEmit(event string, args ...any) error {
	return srv.main.ServerSideEmit(event, args...)
}

// ServerSideEmitAck sends an event to the other servers and waits for their
// answers: see [Namespace.ServerSideEmitAck].
func (srv *Server) ServerSideEmitAck(ctx context.Context, event string, args ...any) ([]RawArgs, error) {
	return srv.main.ServerSideEmitAck(ctx, event, args...)
}

// OnServerEvent adds a handler for what other servers emit: see
// [Namespace.OnServerEvent].
func (srv *Server) OnServerEvent(event string, h func(e *ServerEvent)) (off func()) {
	return srv.main.OnServerEvent(event, h)
}

// OnRoom adds a hook for the rooms of the main namespace: see [Namespace.OnRoom].
func (srv *Server) OnRoom(h func(e RoomEvent)) { srv.main.OnRoom(h) }

// Rooms returns the rooms of the main namespace: see [Namespace.Rooms].
func (srv *Server) Rooms() map[string]int { return srv.main.Rooms() }

// Count is the number of sockets in a room of the main namespace: see [Namespace.Count].
func (srv *Server) Count(room string) int { return srv.main.Count(room) }
