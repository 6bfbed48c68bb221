package sio_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
	"github.com/sioserver/sioserver/sio/cluster/wire"
)

// wires connect the servers of a test as nodes of a cluster: what one publishes
// has arrived at the others when Publish returns.
type wires struct {
	t      testing.TB
	silent atomic.Bool
	closed atomic.Int32

	mu   sync.Mutex
	ends []*wireEnd
}

// wireEnd is a node's bus.
type wireEnd struct {
	wires     *wires
	namespace string
	receive   func(m *cluster.Message)
}

func (w *wires) silence(on bool) { w.silent.Store(on) }

func (w *wires) closes() int { return int(w.closed.Load()) }

func (w *wires) connect(local adapter.Local) adapter.Adapter { return w.join(local, false) }

// deaf connects a server that counts and answers nothing.
func (w *wires) deaf(local adapter.Local) adapter.Adapter { return w.join(local, true) }

func (w *wires) join(local adapter.Local, deaf bool) adapter.Adapter {
	n, err := cluster.New(local, cluster.Config{RequestTimeout: 100 * time.Millisecond},
		func(_ string, receive func(m *cluster.Message)) (cluster.Bus, error) {
			if deaf {
				receive = func(*cluster.Message) {}
			}
			e := &wireEnd{w, local.Namespace(), receive}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.ends = append(w.ends, e)
			return e, nil
		})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// peers are the ends of a namespace.
func (w *wires) peers(namespace string) (list []*wireEnd) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.ends {
		if e.namespace == namespace {
			list = append(list, e)
		}
	}
	return list
}

func (e *wireEnd) Publish(m *cluster.Message) error {
	b, err := wire.Append(nil, m)
	if err != nil || e.wires.silent.Load() {
		return err
	}
	for _, peer := range e.wires.peers(e.namespace) {
		m, err := wire.Decode(append([]byte(nil), b...))
		if err != nil {
			e.wires.t.Error(err)
			continue
		}
		peer.receive(m)
	}
	return nil
}

func (e *wireEnd) Close() error {
	e.wires.closed.Add(1)
	return nil
}

// ServerCount implements cluster.Counter.
func (e *wireEnd) ServerCount(context.Context) (int, error) {
	return len(e.wires.peers(e.namespace)), nil
}
