package sio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/sio/adapter"
)

// Sockets returns the connected sockets of this server that are addressed, in
// no order.
func (o BroadcastOperator) Sockets() (sockets []*Socket) {
	_ = o.eachNamespace(func(o BroadcastOperator) error {
		sockets = append(sockets, o.localSockets()...)
		return nil
	})
	return sockets
}

// FetchSockets returns the connected sockets that are addressed, in no order:
// those of this server as [*Socket], and, unless the operator is Local, those
// of other servers as descriptions. It waits for other servers until ctx or
// [BroadcastOperator.Timeout] ends, or for the time that the adapter gives
// them. When some don't answer, it returns the sockets of this server and of
// those that have answered, and a [*ServersError]. It returns
// [ErrParentNamespace] for a parent.
func (o BroadcastOperator) FetchSockets(ctx context.Context) ([]RemoteSocket, error) {
	if o.ns.dynamic != nil {
		return nil, ErrParentNamespace
	}
	peers := o.peers()
	if err := peers.checkTarget(o); err != nil {
		return nil, err
	}
	var sockets []RemoteSocket
	for _, s := range o.localSockets() {
		sockets = append(sockets, s)
	}
	others, err := peers.fetchSockets(ctx, o)
	for _, d := range others {
		sockets = append(sockets, newRemoteSocket(o.ns, d))
	}
	return sockets, serversError(err)
}

// CountSockets counts the sockets that are addressed, without describing them
// as FetchSockets does: each other server answers with a number, a server of
// the reference with a list. A socket that is in a middleware may be counted.
// When other servers don't answer before ctx or [BroadcastOperator.Timeout]
// ends, it returns the number so far and a [*ServersError].
func (o BroadcastOperator) CountSockets(ctx context.Context) (int, error) {
	if o.ns.dynamic != nil {
		return 0, ErrParentNamespace
	}
	peers := o.peers()
	if err := peers.checkTarget(o); err != nil {
		return 0, err
	}
	n := o.count()
	others, err := peers.countSockets(ctx, o)
	return n + others, serversError(err)
}

// count is the number of addressed sockets of this server.
func (o BroadcastOperator) count() int {
	switch {
	case o.self != nil || len(o.except) > 0 || len(o.rooms) > 1:
		return len(o.localSockets())
	case len(o.rooms) == 1:
		return o.ns.Count(o.rooms[0])
	}
	return o.ns.Len()
}

// AllSockets returns the ids of the sockets that FetchSockets returns, and its
// error.
func (o BroadcastOperator) AllSockets(ctx context.Context) ([]string, error) {
	sockets, err := o.FetchSockets(ctx)
	ids := make([]string, len(sockets))
	for i, s := range sockets {
		ids[i] = s.ID()
	}
	return ids, err
}

// SocketsJoin puts the addressed sockets into rooms. An error is that of the
// adapter, or [ErrName], and then nothing was done.
func (o BroadcastOperator) SocketsJoin(rooms ...string) error {
	return o.eachNamespace(func(o BroadcastOperator) error {
		return o.peers().addSockets(o, rooms)
	})
}

// SocketsLeave takes the addressed sockets out of rooms. For errors see
// SocketsJoin.
func (o BroadcastOperator) SocketsLeave(rooms ...string) error {
	return o.eachNamespace(func(o BroadcastOperator) error {
		return o.peers().delSockets(o, rooms)
	})
}

// DisconnectSockets disconnects the addressed sockets: see [Socket.Disconnect].
// For errors see SocketsJoin.
func (o BroadcastOperator) DisconnectSockets(closeConnections bool) error {
	return o.eachNamespace(func(o BroadcastOperator) error {
		return o.peers().disconnectSockets(o, closeConnections)
	})
}

// RemoteSocket is a socket of this server or of another one. A [*Socket] is
// one. Others are descriptions as of when they were fetched; methods that
// change something ask the other server and do not wait for it.
type RemoteSocket interface {
	// ID is the socket's id.
	ID() string
	// Handshake describes how the client connected.
	Handshake() *Handshake
	// Rooms returns the socket's rooms.
	Rooms() []string
	// Data is what the application stored with [Socket.SetData]. For a socket
	// of another server it is the JSON of that, a json.RawMessage, and {} where
	// nothing was stored.
	Data() any
	// Emit sends an event: see [Socket.Emit]. For a socket of another server it
	// returns nil although the socket may be gone by then.
	Emit(event string, args ...any) error
	// EmitAck sends an event and waits for the acknowledgement: see
	// [Socket.EmitAck]. From another server only the first argument arrives.
	EmitAck(ctx context.Context, event string, args ...any) (RawArgs, error)
	// Join puts the socket into rooms: see [Socket.Join]. For a socket of
	// another server the error may be that of the adapter.
	Join(rooms ...string) error
	// Leave takes the socket out of a room. For errors see Join.
	Leave(room string) error
	// Disconnect takes the socket out of its namespace: see
	// [Socket.Disconnect].
	Disconnect(closeConnection bool)
}

// remoteSocket is a socket of another server. Immutable.
type remoteSocket struct {
	BroadcastOperator // to its id
	details           adapter.Details
}

func newRemoteSocket(ns *Namespace, d adapter.Details) *remoteSocket {
	return &remoteSocket{ns.To(d.ID), d}
}

func (s *remoteSocket) ID() string { return s.details.ID }

func (s *remoteSocket) Rooms() []string { return slices.Clone(s.details.Rooms) }

func (s *remoteSocket) Data() any { return s.details.Data }

func (s *remoteSocket) Handshake() *Handshake {
	h := new(Handshake)
	if err := json.Unmarshal(s.details.Handshake, h); err != nil {
		s.ns.srv.cfg.Logger.Debug("sio: invalid handshake of a remote socket", "socket", s.details.ID, "error", err)
	}
	return h
}

func (s *remoteSocket) EmitAck(ctx context.Context, event string, args ...any) (RawArgs, error) {
	answers, err := s.BroadcastOperator.EmitAck(ctx, event, args...)
	var missing *AckError
	switch {
	case errors.As(err, &missing):
		return RawArgs{}, missing.Err
	case err != nil:
		return RawArgs{}, err
	case len(answers) == 0:
		return RawArgs{}, ErrDisconnected
	}
	return answers[0], nil
}

func (s *remoteSocket) Join(rooms ...string) error { return s.SocketsJoin(rooms...) }

func (s *remoteSocket) Leave(room string) error { return s.SocketsLeave(room) }

func (s *remoteSocket) Disconnect(closeConnection bool) {
	if err := s.DisconnectSockets(closeConnection); err != nil {
		s.ns.srv.cfg.Logger.Warn("sio: can't reach a remote socket", "socket", s.details.ID, "error", err)
	}
}

// FetchSockets returns all sockets: see [BroadcastOperator.FetchSockets].
func (ns *Namespace) FetchSockets(ctx context.Context) ([]RemoteSocket, error) {
	return BroadcastOperator{ns: ns}.FetchSockets(ctx)
}

// CountSockets counts all sockets: see [BroadcastOperator.CountSockets].
func (ns *Namespace) CountSockets(ctx context.Context) (int, error) {
	return BroadcastOperator{ns: ns}.CountSockets(ctx)
}

// AllSockets returns the ids of all sockets: see
// [BroadcastOperator.AllSockets].
func (ns *Namespace) AllSockets(ctx context.Context) ([]string, error) {
	return BroadcastOperator{ns: ns}.AllSockets(ctx)
}

// SocketsJoin puts all sockets into rooms: see [BroadcastOperator.SocketsJoin].
func (ns *Namespace) SocketsJoin(rooms ...string) error {
	return BroadcastOperator{ns: ns}.SocketsJoin(rooms...)
}

// SocketsLeave takes all sockets out of rooms: see
// [BroadcastOperator.SocketsLeave].
func (ns *Namespace) SocketsLeave(rooms ...string) error {
	return BroadcastOperator{ns: ns}.SocketsLeave(rooms...)
}

// DisconnectSockets disconnects all sockets: see
// [BroadcastOperator.DisconnectSockets].
func (ns *Namespace) DisconnectSockets(closeConnections bool) error {
	return BroadcastOperator{ns: ns}.DisconnectSockets(closeConnections)
}

// Sockets returns the connected sockets of this server, in no order. Those of a
// parent are its children's.
func (ns *Namespace) Sockets() (sockets []*Socket) {
	_ = ns.each(func(ns *Namespace) error {
		sockets = append(sockets, ns.rooms.All()...)
		return nil
	})
	return sockets
}

// serverHandler is a handler for what other servers emit, known by its address.
type serverHandler struct {
	event string
	call  func(e *ServerEvent)
}

// ServerEvent is an event that another server has emitted to this one: see
// [Namespace.ServerSideEmit]. It may be kept, and is safe for concurrent use.
type ServerEvent struct {
	RawArgs
	name  string
	reply func(a adapter.Answer) // nil when no answer is expected
	acked atomic.Bool
}

// Name is the event's name.
func (e *ServerEvent) Name() string { return e.name }

// WantsAck reports whether the other server asked for an answer. It stays true
// after the answer.
func (e *ServerEvent) WantsAck() bool { return e.reply != nil }

// Ack answers with one value, which the other server gets as the first of
// [RawArgs]. It returns [ErrAcked] when no answer is expected any more.
func (e *ServerEvent) Ack(v any) error {
	if e.reply == nil || e.acked.Load() {
		return ErrAcked
	}
	args, err := rawArgs([]any{v})
	if err != nil {
		return err
	}
	if e.acked.Swap(true) {
		return ErrAcked
	}
	e.reply(adapter.Answer{Data: args.Raw(0), Attachments: args.attachments})
	return nil
}

// checkServerEvent returns an error for events that namespaces emit themselves,
// and for names that other servers can't be told.
func (ns *Namespace) checkServerEvent(event string) error {
	if socketio.ReservedServerSide(event) {
		return fmt.Errorf("%w: %q", ErrReservedEvent, event)
	}
	return adapter.CheckNames([]string{ns.name, event})
}

// ServerSideEmit sends an event to the handlers of this namespace on the other
// servers: see [Namespace.OnServerEvent]. Without an adapter to other servers
// it only logs a warning.
func (ns *Namespace) ServerSideEmit(event string, args ...any) error {
	if err := ns.checkServerEvent(event); err != nil {
		return err
	}
	return ns.peers.serverEmit(event, args)
}

// ServerSideEmitAck is ServerSideEmit for an event that every other server is
// to answer with one value. Without other servers it returns none, at once.
// When ctx ends first, or the time that the adapter gives them, it returns the
// answers that have come, and an [*AckError] with them and the number of
// servers that have not answered.
func (ns *Namespace) ServerSideEmitAck(ctx context.Context, event string, args ...any) ([]RawArgs, error) {
	if err := ns.checkServerEvent(event); err != nil {
		return nil, err
	}
	answers, err := ns.peers.serverEmitAck(ctx, event, args)
	responses := make([]RawArgs, len(answers))
	for i, a := range answers {
		responses[i] = rawAnswer(a)
		responses[i].text = true
	}
	if err != nil {
		err = &AckError{Responses: responses, Missing: missing(err), Err: adapter.TimedOut(err)}
	}
	return responses, err
}

// OnServerEvent adds a handler for what other servers emit to this namespace
// with ServerSideEmit. It runs on a goroutine of the adapter. In a cluster
// (package cluster) events are handled at the same time, in no certain order,
// on up to cluster.Config's Handlers goroutines, so h must be safe for
// concurrent use. off removes it.
func (ns *Namespace) OnServerEvent(event string, h func(e *ServerEvent)) (off func()) {
	wantHandler("OnServerEvent", h != nil)
	own := &serverHandler{event, h}
	ns.updateHooks(func(k *hooks) { k.server = with(k.server, own) })
	return func() { ns.updateHooks(func(k *hooks) { k.server = without(k.server, own) }) }
}

// serverEvent calls the handlers for what another server has emitted.
func (ns *Namespace) serverEvent(p adapter.Packet, reply func(a adapter.Answer)) {
	args, err := rawArgs(p.Args)
	if err != nil {
		ns.srv.cfg.Logger.Debug("sio: invalid event from another server", "event", p.Event, "error", err)
		return
	}
	args.text = true
	e := &ServerEvent{RawArgs: args, name: p.Event, reply: reply}
	for _, h := range ns.hooks.Load().server {
		if h.event == p.Event {
			ns.srv.apart(p.Event, func() { h.call(e) })
		}
	}
}
