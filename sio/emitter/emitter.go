package emitter

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// ErrReservedEvent is returned for events that the protocol, or the servers'
// namespaces, keep for themselves.
var ErrReservedEvent = errors.New("emitter: reserved event name")

// ErrName is returned for names of rooms, events and namespaces that are not UTF-8:
// servers could not be told them. Nothing was sent then.
var ErrName = adapter.ErrName

// Sender takes messages to all servers of a cluster. Safe for concurrent use.
type Sender interface {
	// Send returns when m was sent, or with an error when it was perhaps not. It keeps
	// nothing of m.
	Send(ctx context.Context, m *cluster.Message) error
}

// Emitter sends to one namespace. With the methods of its [BroadcastOperator] it
// addresses all sockets. Immutable.
type Emitter struct{ BroadcastOperator }

// New makes an emitter to the main namespace. Closing the sender is the caller's.
func New(out Sender) *Emitter { return &Emitter{BroadcastOperator{out: out, namespace: "/"}} }

// Of is an emitter to another namespace. A missing slash before the name is added.
func (e *Emitter) Of(namespace string) *Emitter {
	if !strings.HasPrefix(namespace, "/") {
		namespace = "/" + namespace
	}
	return &Emitter{BroadcastOperator{out: e.out, namespace: namespace}}
}

// ServerSideEmit sends an event to the servers themselves: to the handlers that
// their namespaces have for it.
func (e *Emitter) ServerSideEmit(ctx context.Context, event string, args ...any) error {
	if socketio.ReservedServerSide(event) {
		return fmt.Errorf("%w: %q", ErrReservedEvent, event)
	}
	return e.send(ctx, &cluster.Message{Type: cluster.ServerSideEmit, Packet: adapter.Packet{Event: event, Args: args}})
}
