package loop

import (
	"net"

	"github.com/sioserver/sioserver/loop/internal/backend"
	"github.com/sioserver/sioserver/loop/internal/goroutine"
)

// streamSocket is the socket and wire of a connection that is driven by
// goroutines. It posts a task to its home loop for each event of the stream.
//
// It posts under the stream's lock, so the tasks keep their order when the home
// changes: the old home forwards a task that was posted before a move, and the
// new home runs it after the arrival.
type streamSocket struct {
	goroutine.Stream
	conn *Conn // nil before the arrival and after the end; owned by home
	home *Loop // guarded by the stream's lock
}

var (
	_ backend.Wire    = (*streamSocket)(nil)
	_ goroutine.Owner = (*streamSocket)(nil)
)

// stream makes nc, which is consumed, a connection of l that is driven by
// goroutines, and waits until l has opened or refused it.
func (e *Engine) stream(nc net.Conn, l *Loop, t *handoff) error {
	r := &streamSocket{home: l}
	r.Init(nc, r)
	a := &arrival{streamSocket: r, t: t, done: make(chan struct{})}
	if !l.Post(a) {
		_ = nc.Close()
		return ErrShutdown
	}
	<-a.done
	if !a.opened {
		return ErrRejected
	}
	return nil
}

// arrival is the task that makes a socket a connection of a loop.
type arrival struct {
	*streamSocket
	t      *handoff
	opened bool          // not refused
	done   chan struct{} // nil after a move
}

// Run opens the connection.
func (a *arrival) Run(l *Loop) {
	r := a.streamSocket
	if a.done != nil {
		defer close(a.done)
	}
	if l.engine.refuses(r, a.t) {
		l.counters.rejected.Add(1)
		r.Close(r)
		return
	}
	a.opened = true
	if l.streamSockets == nil {
		l.streamSockets = make(map[*streamSocket]struct{})
	}
	l.streamSockets[r] = struct{}{}
	r.conn = l.newConn(r, addrPortOf(r.RemoteAddr()), a.t)
	if !a.t.moved {
		r.Start() // what it posts comes after this task
	}
	l.startConn(r.conn, a.t)
	r.Lock()
	err := r.Err()
	r.Unlock()
	if err != nil {
		r.conn.closeWith(err)
	}
}

// Readable implements goroutine.Owner, as the following methods do.
func (r *streamSocket) Readable() bool { return r.home.Post((*inbound)(r)) }

// Writable posts the notice to home.
func (r *streamSocket) Writable(notice uint32) { r.home.Post(writable(notice)) }

// Failed posts the failure to home.
func (r *streamSocket) Failed() { r.home.Post((*failure)(r)) }

// Group returns the home's.
func (r *streamSocket) Group() *goroutine.Group { return &r.home.streams }

// Panicked is called without the lock.
func (r *streamSocket) Panicked(method string, p any) {
	r.Lock()
	l := r.home
	r.Unlock()
	l.report("net.Conn."+method, p)
}

// written is called when the last writing goroutine has ended. A drainTask may
// be waiting for that: the burst of the posted function checks.
func (l *Loop) written() {
	if l.draining.Load() {
		l.PostFunc(func() {})
	}
}

// inbound is the task that is posted when a chunk, or the end, was read.
type inbound streamSocket

// Run delivers the chunk.
func (in *inbound) Run(l *Loop) {
	r := (*streamSocket)(in)
	if forwarded, ok := r.forward(l, in); forwarded {
		if !ok {
			r.Drop()
		}
		return
	}
	c := r.conn
	switch {
	case c == nil:
		r.Drop()
		return
	case c.flags&(isMoving|isPaused) != 0:
		r.Held = true // moveTo or Resume posts it again
		return
	}
	defer r.Taken()
	b, err := r.Chunk()
	if err != nil {
		c.ended(err)
		return
	}
	l.counters.bytesIn.Add(int64(len(b)))
	c.data(b)
}

// failure is the task that is posted when writing has failed.
type failure streamSocket

// Run closes the connection. If it is moving, the arrival finds the error.
func (f *failure) Run(l *Loop) {
	r := (*streamSocket)(f)
	r.Lock()
	home, err := r.home, r.Err()
	r.Unlock()
	if home == l && r.conn != nil && r.conn.flags&isMoving == 0 {
		r.conn.closeWith(err)
	}
}

// Resume posts the chunk that was held.
func (r *streamSocket) Resume(backend.Socket) error {
	if !r.Held {
		return nil
	}
	r.Held = false
	r.Lock()
	posted := r.home.Post((*inbound)(r))
	r.Unlock()
	if !posted {
		r.Drop()
	}
	return nil
}

// Close closes the connection when what it was given is written.
func (r *streamSocket) Close(s backend.Socket) {
	r.leaveHome()
	r.Stream.Close(s)
}

// leaveHome removes the socket from its home loop.
func (r *streamSocket) leaveHome() {
	delete(r.home.streamSockets, r)
	r.conn = nil
}

// forward posts t, a task that runs on l, to the home if that is another loop.
// ok is false if that loop has ended.
func (r *streamSocket) forward(l *Loop, t Task) (forwarded, ok bool) {
	r.Lock()
	defer r.Unlock()
	if r.home == l {
		return false, true
	}
	return true, r.home.Post(t)
}

// moveTo makes l the home. It is called on the present home, where the
// connection is gone. If l has ended, moveTo closes the stream and returns
// false.
func (r *streamSocket) moveTo(l *Loop, t *handoff) bool {
	r.leaveHome()
	held := r.Held
	r.Held = false
	r.Lock()
	moved := l.Post(&arrival{streamSocket: r, t: t})
	if moved {
		r.home = l
	}
	if held && !(moved && l.Post((*inbound)(r))) {
		r.Drop()
	}
	r.Unlock()
	if !moved {
		r.Close(r)
	}
	return moved
}

// closeStreams closes the connections that are driven by goroutines. The loop's
// goroutine must have ended.
func (l *Loop) closeStreams() {
	for r := range l.streamSockets {
		r.conn.closeWith(ErrShutdown)
	}
	l.carryOut(nil)
}
