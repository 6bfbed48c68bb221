package loop

import (
	"net"

	"github.com/sioserver/sioserver/loop/internal/backend"
	"github.com/sioserver/sioserver/loop/internal/goroutine"
)

// streamSocket is the socket and wire of a connection that is driven by
// goroutines. It posts what happens to its stream to its home loop.
//
// It posts all tasks to its home loop under the stream's lock, which is how they
// keep their order when the home changes: a task that was posted before a
// move is forwarded by the old home and runs after the arrival.
type streamSocket struct {
	goroutine.Stream
	conn *Conn // nil before its arrival and when it has gone; of the home loop
	home *Loop // guarded by the stream's lock
}

var (
	_ backend.Wire    = (*streamSocket)(nil)
	_ goroutine.Owner = (*streamSocket)(nil)
)

// stream makes nc, which is consumed, a connection of l and waits for it.
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
	if l.streamed == nil {
		l.streamed = make(map[*streamSocket]struct{})
	}
	l.streamed[r] = struct{}{}
	r.conn = l.newConn(r, addrPortOf(r.RemoteAddr()), a.t)
	if !a.t.moved {
		r.Start() // what it posts comes after this task
	}
	l.admit(r.conn, a.t)
	r.Lock()
	err := r.Err()
	r.Unlock()
	if err != nil {
		r.conn.closeWith(err)
	}
}

// Readable implements goroutine.Owner, as the following methods do.
func (r *streamSocket) Readable() bool { return r.home.Post((*inbound)(r)) }

// Writable posts the notice.
func (r *streamSocket) Writable(notice uint32) { r.home.Post(writable(notice)) }

// Failed posts the failure.
func (r *streamSocket) Failed() { r.home.Post((*failure)(r)) }

// Group is the home's.
func (r *streamSocket) Group() *goroutine.Group { return &r.home.streams }

// Panicked is called without the lock.
func (r *streamSocket) Panicked(method string, p any) {
	r.Lock()
	l := r.home
	r.Unlock()
	l.report("net.Conn."+method, p)
}

// written is called when the last writing goroutine has ended, for which an idle
// loop may be waiting.
func (l *Loop) written() {
	if l.draining.Load() {
		l.PostFunc(func() {})
	}
}

// inbound is the task after a chunk, or the end, was read.
type inbound streamSocket

// Run delivers the chunk.
func (in *inbound) Run(l *Loop) {
	r := (*streamSocket)(in)
	if forwarded, lost := r.forward(l, in); forwarded {
		if lost {
			r.Drop()
		}
		return
	}
	c := r.conn
	switch {
	case c == nil:
		r.Drop()
		return
	case c.flags&(moves|isPaused) != 0:
		r.Held = true // moveTo takes it along, Resume delivers it
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

// failure is the task after writing has failed.
type failure streamSocket

// Run closes the connection. One that moves finds the error on its arrival.
func (f *failure) Run(l *Loop) {
	r := (*streamSocket)(f)
	r.Lock()
	home, err := r.home, r.Err()
	r.Unlock()
	if home == l && r.conn != nil && r.conn.flags&moves == 0 {
		r.conn.closeWith(err)
	}
}

// Resume delivers the chunk that has waited.
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

// Close closes the connection when it is written what it was given.
func (r *streamSocket) Close(s backend.Socket) {
	r.leaveHome()
	r.Stream.Close(s)
}

// leaveHome removes the socket from its home loop.
func (r *streamSocket) leaveHome() {
	delete(r.home.streamed, r)
	r.conn = nil
}

// forward posts a task that was to run on l to the home, when that is another
// loop. lost reports that the other loop has ended.
func (r *streamSocket) forward(l *Loop, t Task) (forwarded, lost bool) {
	r.Lock()
	defer r.Unlock()
	if r.home == l {
		return false, false
	}
	return true, !r.home.Post(t)
}

// moveTo makes l the home. It is called by the present home's loop, where the
// connection is gone. When it fails, the stream is closed.
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

// closeStreams closes the connections that are not the backend's. The loop's
// goroutine must have ended.
func (l *Loop) closeStreams() {
	for r := range l.streamed {
		r.conn.closeWith(ErrShutdown)
	}
	l.part(nil)
}
