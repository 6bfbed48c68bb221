package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
)

// A bus is not the package's own code: it may panic, block or end its goroutine. What
// somebody waits for is therefore done on a goroutine of its own.

var errUnreturned = errors.New("cluster: the bus has panicked, or ended its goroutine")

// graceTime is how long a bus may take, when its context has ended, to say what was wrong.
const graceTime = 500 * time.Millisecond

// within calls f, and does not wait for it longer than ctx and graceTime.
func (n *Node) within(ctx context.Context, f func() error) error {
	result := make(chan error, 1)
	go func() {
		err := errUnreturned
		defer func() { result <- err }()
		defer n.recovered()
		err = f()
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
	}
	timer := time.NewTimer(graceTime)
	defer timer.Stop()
	select {
	case err := <-result:
		return err
	case <-timer.C:
		return n.endOf(ctx)
	}
}

// publishWithin is publish, and ends with ctx or Config.RequestTimeout at the latest. A
// bus that has not returned then may still use m.
func (n *Node) publishWithin(ctx context.Context, m *Message) error {
	ctx, cancel := context.WithTimeoutCause(ctx, n.cfg.RequestTimeout, ErrTimeout)
	defer cancel()
	return n.within(ctx, func() error { return n.publish(m) })
}

// count asks the bus how many nodes there are.
func (n *Node) count(ctx context.Context) (count int, err error) {
	counts := make(chan int, 1)
	err = n.within(ctx, func() error {
		count, err := n.counter.ServerCount(ctx)
		counts <- count
		return err
	})
	if err != nil {
		return 0, err
	}
	count = <-counts
	n.servers.Store(int64(count - 1))
	return count, nil
}

// endOf is why ctx has ended; and why the other nodes can't be reached, if that is known.
func (n *Node) endOf(ctx context.Context) error {
	err := adapter.EndOf(ctx)
	if errors.Is(err, ErrTimeout) {
		err = n.away(err)
	}
	return err
}

// away adds to err what the bus knows against reaching the other nodes.
func (n *Node) away(err error) error {
	if w, ok := n.bus.(Watcher); ok {
		if why := w.Away(); why != nil {
			return fmt.Errorf("%w: %w", err, why)
		}
	}
	return err
}
