package loop

import (
	"fmt"

	"github.com/sioserver/sioserver/loop/internal/backend"
	"github.com/sioserver/sioserver/loop/internal/interpose"
)

// InterposeFaults has the backends of later engines fail by plan, until the
// function that it returns is called.
func InterposeFaults(plan interpose.Plan) (restore func()) {
	return Simulate(func(cfg backend.Config) (backend.Engine, error) { return interpose.New(cfg, newBackend, plan) })
}

// Polled reports whether the backend's poller holds the connections.
const Polled = polledBackend

// Refs is how many references f has.
func (f *Frame) Refs() int32 { return f.refs.Load() }

// Residue describes what l still has of connections; it is empty if there is
// nothing. Loop-owned.
func Residue(l *Loop) (left string) {
	for _, r := range []struct {
		what string
		n    int
	}{
		{"connections", int(l.counters.connections.Load())},
		{"dirty", len(l.dirty)},
		{"departing", len(l.departures)},
		{"blocked", len(l.blocked)},
		{"streams", len(l.streamSockets)},
		{"bytes waiting", l.queuedTotal.bytes},
	} {
		if r.n != 0 {
			left += fmt.Sprintf("%d %s; ", r.n, r.what)
		}
	}
	for _, b := range l.iov {
		if b != nil {
			left += "a reference to sent bytes; "
		}
	}
	return left
}
