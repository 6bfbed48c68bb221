package sio

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/sioserver/sioserver/sio/adapter"
)

// RemoteSocket is a socket of this server or of another one. A *[Socket] is one;
// for others it is a description as of when it was fetched, and its methods that
// do something ask the other server, without waiting for it.
type RemoteSocket interface {
	// ID is the socket's id.
	ID() string
	// Handshake tells how the client has connected.
	Handshake() *Handshake
	// Rooms returns the socket's rooms.
	Rooms() []string
	// Data is what the application has stored with [Socket.SetData]; for a socket of
	// another server the json.RawMessage that it was encoded to.
	Data() any
	// Emit sends an event: see [Socket.Emit].
	Emit(event string, args ...any) error
	// EmitAck sends an event and waits for the acknowledgement: see [Socket.EmitAck].
	// Of another server's only the first argument arrives.
	EmitAck(ctx context.Context, event string, args ...any) (RawArgs, error)
	// Join puts the socket into rooms: see [Socket.Join]. For another server's the error
	// may be that of the adapter.
	Join(rooms ...string) error
	// Leave takes it out of a room. The error is as for Join.
	Leave(room string) error
	// Disconnect takes it out of its namespace: see [Socket.Disconnect].
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

// details describe sockets to other servers.
func (srv *Server) details(sockets []*Socket) []adapter.Details {
	list, data := make([]adapter.Details, len(sockets)), srv.dataJSON(sockets)
	for i, s := range sockets {
		handshake, err := json.Marshal(s.Handshake())
		if err != nil {
			handshake = []byte("{}")
		}
		list[i] = adapter.Details{ID: s.ID(), Handshake: handshake, Rooms: s.Rooms(), Data: data[i]}
	}
	return list
}
