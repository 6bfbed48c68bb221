//go:build linux

package attack

import (
	"context"
	"maps"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// pause is the wait before a connection that was refused or cut is replaced.
const pause = 50 * time.Millisecond

// patience is for how long an attack that has done nothing goes on beyond its
// end.
const patience = 20 * time.Second

// Target is the server that is attacked.
type Target struct {
	Addr string // host and port
	// Exhaust makes the server's process open files until it has no descriptors
	// left, and keep them open for the time.
	Exhaust func(time.Duration) error
	// Secure is the host and port at which the server serves with TLS.
	Secure string
	// SetNodes makes the addresses those of the nodes 2, 3, … to which the
	// server forwards requests.
	SetNodes func(addrs ...string) error
	// Redis is the host and port of the cluster's Redis.
	Redis string
}

// Field is an attack that runs, or that is over and still holds its
// connections. It is safe for concurrent use.
type Field struct {
	ctx    context.Context
	target Target
	begun  time.Time
	end    time.Time // when it is to be over
	done   chan struct{}
	wg     sync.WaitGroup
	turn   atomic.Int64 // counts what takes turns

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	counts map[string]float64
	left   bool
}

// Begin starts the attack for d. On a busy machine it may have done nothing by
// then: it goes on until it has, but not for more than patience. It also ends
// when the context is done.
func Begin(ctx context.Context, d time.Duration, a Attack, t Target) *Field {
	ctx, cancel := context.WithCancel(ctx)
	now := time.Now()
	f := &Field{
		ctx: ctx, target: t, begun: now, end: now.Add(d), done: make(chan struct{}),
		conns: map[net.Conn]struct{}{}, counts: map[string]float64{},
	}
	go f.stop(cancel)
	go func() {
		defer close(f.done)
		defer cancel()
		a.run(f)
		f.wg.Wait()
	}()
	return f
}

// stop ends the attack when it is time.
func (f *Field) stop(cancel context.CancelFunc) {
	defer cancel()
	for f.ctx.Err() == nil {
		switch late := -f.remaining(); {
		case late < 0:
			f.sleep(-late)
		case late < patience && !f.Outcome().Reached():
			f.sleep(pause)
		default:
			return
		}
	}
}

// Done is closed when the attack is over.
func (f *Field) Done() <-chan struct{} { return f.done }

// Leave waits for the end of the attack and closes its connections.
func (f *Field) Leave() {
	<-f.done
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = true
	for c := range f.conns {
		c.Close()
	}
	clear(f.conns)
}

// Outcome is what is known now.
func (f *Field) Outcome() Outcome {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Outcome{Lasted: time.Since(f.begun), Counts: maps.Clone(f.counts)}
}

func (f *Field) count(name string, n int) {
	f.mu.Lock()
	f.counts[name] += float64(n)
	f.mu.Unlock()
}

// atLeast raises a figure to the value.
func (f *Field) atLeast(name string, value float64) {
	f.mu.Lock()
	f.counts[name] = max(f.counts[name], value)
	f.mu.Unlock()
}

// remaining is the time until the attack's end.
func (f *Field) remaining() time.Duration { return time.Until(f.end) }

// sleep waits, but not beyond the attack's end.
func (f *Field) sleep(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.ctx.Done():
	}
}

// repeat does the work on n goroutines, over and over until the end. Work that
// fails is counted as cut, and repeated after a pause.
func (f *Field) repeat(n int, work func() error) {
	for range n {
		f.wg.Go(func() {
			for f.ctx.Err() == nil {
				if err := work(); err != nil && f.ctx.Err() == nil {
					f.count(countCut, 1)
					f.sleep(pause)
				}
			}
		})
	}
}

// onEach is repeat with a connection of its own each time: see dial. It is
// closed when the work has returned.
func (f *Field) onEach(n, receive int, work func(c *raw) error) {
	f.onConnections(n, receive, work, (*raw).leave)
}

// onEachHeld is onEach for connections that stay open when the attack is over.
func (f *Field) onEachHeld(n, receive int, work func(c *raw) error) {
	f.onConnections(n, receive, work, (*raw).lost)
}

func (f *Field) onConnections(n, receive int, work func(c *raw) error, end func(c *raw)) {
	f.repeat(n, func() error {
		c, err := f.dial(receive)
		if err != nil {
			return err
		}
		defer end(c)
		return work(c)
	})
}

// next returns which of n ways is next.
func (f *Field) next(n int) int { return int(f.turn.Add(1)) % n }

// dial opens a connection. Its reads and writes fail from the attack's end on.
// receive is the size of the kernel's receive buffer, 0 for what is usual.
func (f *Field) dial(receive int) (*raw, error) { return f.dialTo(f.target.Addr, receive) }

func (f *Field) dialTo(addr string, receive int) (*raw, error) {
	conn, err := (&net.Dialer{Control: receiveBuffer(receive)}).DialContext(f.ctx, "tcp4", addr)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left {
		conn.Close()
		return nil, net.ErrClosed
	}
	f.conns[conn] = struct{}{}
	context.AfterFunc(f.ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	f.counts[countConnections]++
	return newRaw(f, conn), nil
}

func (f *Field) drop(conn net.Conn) {
	f.mu.Lock()
	delete(f.conns, conn)
	f.mu.Unlock()
	conn.Close()
}
