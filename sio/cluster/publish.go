package cluster

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/internal/await"
)

// messages are reused for broadcasts: a bus keeps no message.
var messages = sync.Pool{New: func() any { return new(Message) }}

// toBus publishes m and counts the outcome.
func (n *Node) toBus(m *Message) error {
	m.UID, m.Namespace, m.Instance = n.uid, n.namespace, n.instance
	err := n.bus.Publish(m)
	switch {
	case err == nil:
		n.counts.published.Add(1)
		if n.counter == nil && m.To == "" { // else not all nodes get it
			n.live.sent()
		}
	case !errors.Is(err, ErrUnencodable):
		n.counts.lost.Add(1)
	}
	return err
}

// Broadcast implements [adapter.Adapter]. If the error is [ErrUnencodable] or
// [ErrOverloaded], no socket gets the packet and the caller may emit it again.
// After any other error of the bus the packet is delivered to this server's
// sockets, and counted as lost.
func (n *Node) Broadcast(p adapter.Packet, o adapter.Options) error {
	m := messages.Get().(*Message)
	m.Type, m.Packet, m.Options = Broadcast, p, o
	err := n.publish(m)
	*m = Message{}
	messages.Put(m)
	if errors.Is(err, ErrUnencodable) || errors.Is(err, ErrOverloaded) {
		return err
	}
	return n.local.Broadcast(p, o)
}

// AddSockets implements [adapter.Adapter]. It acts on this server's sockets
// even if it returns an error.
func (n *Node) AddSockets(o adapter.Options, rooms []string) error {
	err := n.publish(&Message{Type: SocketsJoin, Options: o, Rooms: rooms})
	n.local.AddSockets(o, rooms)
	return err
}

// DelSockets implements [adapter.Adapter]. It acts on this server's sockets
// even if it returns an error.
func (n *Node) DelSockets(o adapter.Options, rooms []string) error {
	err := n.publish(&Message{Type: SocketsLeave, Options: o, Rooms: rooms})
	n.local.DelSockets(o, rooms)
	return err
}

// DisconnectSockets implements [adapter.Adapter]. It acts on this server's
// sockets even if it returns an error.
func (n *Node) DisconnectSockets(o adapter.Options, closeConnections bool) error {
	err := n.publish(&Message{Type: DisconnectSockets, Options: o, Close: closeConnections})
	n.local.DisconnectSockets(o, closeConnections)
	return err
}

// ServerSideEmit implements [adapter.Adapter].
func (n *Node) ServerSideEmit(p adapter.Packet) error {
	return n.publish(&Message{Type: ServerSideEmit, Packet: p})
}

// A bus is not code of this package: it may panic, block or end its goroutine.
// So a bus that a caller waits for is called on a goroutine of its own.

var errUnreturned = errors.New("cluster: the bus has panicked, or ended its goroutine")

// graceTime is how long a bus may take to return its own error after its
// context has ended.
const graceTime = 500 * time.Millisecond

// within calls f, and waits for it until ctx ends, and for graceTime after
// that.
func within[T any](ctx context.Context, n *Node, f func() (T, error)) (T, error) {
	v, err, returned := await.Within(ctx, graceTime, errUnreturned, func() (v T, err error) {
		err = errUnreturned
		defer n.recovered()
		return f()
	})
	if !returned {
		err = n.endOf(ctx)
	}
	return v, err
}

// publishWithin is publish, but waits for the bus no longer than until ctx
// ends, or for Config.RequestTimeout. A bus that has not returned by then may
// still use m.
func (n *Node) publishWithin(ctx context.Context, m *Message) error {
	ctx, cancel := context.WithTimeoutCause(ctx, n.cfg.RequestTimeout, ErrTimeout)
	defer cancel()
	_, err := within(ctx, n, func() (struct{}, error) { return struct{}{}, n.publish(m) })
	return err
}

// count asks the bus for the number of nodes.
func (n *Node) count(ctx context.Context) (int, error) {
	count, err := within(ctx, n, func() (int, error) { return n.counter.ServerCount(ctx) })
	if err != nil {
		return 0, err
	}
	n.servers.Store(int64(count - 1))
	return count, nil
}

// endOf returns why ctx has ended, and why the other nodes can't be reached if
// the bus knows it.
func (n *Node) endOf(ctx context.Context) error {
	err := adapter.EndOf(ctx)
	if errors.Is(err, ErrTimeout) {
		err = n.away(err)
	}
	return err
}

// away adds to err why the bus does not reach the other nodes, if it knows.
func (n *Node) away(err error) error {
	if w, ok := n.bus.(Watcher); ok {
		if why := w.Away(); why != nil {
			return fmt.Errorf("%w: %w", err, why)
		}
	}
	return err
}

// closeGuard lets calls run until it is shut, and then waits for them. It is
// not an RWMutex because a call may be made inside another one. Safe for
// concurrent use.
type closeGuard struct {
	calls atomic.Int64 // that run; closedMark is added when it is shut
	once  sync.Once
	empty chan struct{} // closed when it is shut and no call runs
}

const closedMark = math.MinInt64 / 2

// enter reports whether a call may run. If it does, leave must follow.
func (g *closeGuard) enter() bool {
	if g.calls.Add(1) > 0 {
		return true
	}
	g.leave()
	return false
}

func (g *closeGuard) leave() {
	if g.calls.Add(-1) == closedMark {
		g.once.Do(func() { close(g.empty) })
	}
}

// shut refuses further calls and waits for those that run, for limit at most.
// It must be called once.
func (g *closeGuard) shut(limit time.Duration) {
	g.calls.Add(closedMark + 1)
	g.leave()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-g.empty:
	case <-timer.C:
	}
}
