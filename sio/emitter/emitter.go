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

// ErrReservedEvent is returned for event names that the protocol, or the
// namespaces of the servers, reserve.
var ErrReservedEvent = errors.New("emitter: reserved event name")

// ErrName is returned for names of rooms, events and namespaces that are not
// UTF-8. Nothing was sent.
var ErrName = adapter.ErrName

// Sender sends messages to all servers of a cluster. Safe for concurrent use.
type Sender interface {
	// Send returns when m was sent. After an error m may not have been sent. m
	// is borrowed until Send returns.
	Send(ctx context.Context, m *cluster.Message) error
}

// Emitter sends to one namespace. The methods of its [BroadcastOperator] send
// to all sockets. Immutable.
type Emitter struct{ BroadcastOperator }

// New returns an emitter to the main namespace. The caller closes the sender.
func New(out Sender) *Emitter { return &Emitter{BroadcastOperator{out: out, namespace: "/"}} }

// Of returns an emitter to another namespace. It adds a missing slash before
// the name.
func (e *Emitter) Of(namespace string) *Emitter {
	if !strings.HasPrefix(namespace, "/") {
		namespace = "/" + namespace
	}
	return &Emitter{BroadcastOperator{out: e.out, namespace: namespace}}
}

// ServerSideEmit sends an event to the servers, for the handlers of their
// namespaces.
func (e *Emitter) ServerSideEmit(ctx context.Context, event string, args ...any) error {
	if socketio.ReservedServerSide(event) {
		return fmt.Errorf("%w: %q", ErrReservedEvent, event)
	}
	return e.send(ctx, &cluster.Message{Type: cluster.ServerSideEmit, Packet: adapter.Packet{Event: event, Args: args}})
}
