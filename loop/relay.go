package loop

import (
	"net"
	"sync"
	"time"

	"github.com/valyala/bytebufferpool"
)

// relay carries the bytes of a net.Conn that the poller cannot hold, because it
// is more than a descriptor, between goroutines and a loop. It is its Conn's
// socket and wire.
//
// One goroutine reads for as long as the connection lives. It posts each chunk
// to the loop and reads the next one when the loop has handled it, so a slow
// loop slows its peers down. A second goroutine exists while there is something
// to write or close: the loop appends to a buffer, the goroutine takes that
// buffer as a whole and writes it while the loop fills the next one. When that
// is full too, the loop sees what a full send buffer of the kernel would show
// it, and a notice follows when there is room.
//
// An idle relay costs one goroutine with its stack and a read buffer of 1 KiB,
// 5.4 KB in all, its Conn included; a TLS connection with what crypto/tls and
// package net keep for it 11 KB, where one of the poller's costs 0.5 KB (see
// BenchmarkIdleRelay and BenchmarkIdleConnection). A busy one borrows up to
// 32 KiB for reading and 128 KiB for writing.
//
// All tasks of a relay go to its home loop under mu, which is how they keep
// their order when the home changes: a task that was posted before a move is
// forwarded by the old home and runs after the arrival. mu comes before a
// loop's mailbox lock.
type relay struct {
	e    *Engine
	nc   net.Conn
	conn *Conn // nil before its arrival and when it has gone; of the home loop
	held bool  // the chunk waits for a move or Resume; of the home loop

	// The reader's, and the home loop's from post to taken.
	chunk    []byte
	chunkErr error         // the end of the stream; there is no chunk then
	taken    chan struct{} // the loop is done with the chunk

	mu      sync.Mutex // guards what follows
	home    *Loop
	out     *bytebufferpool.ByteBuffer // what the writer takes next; nil when empty
	notice  uint32                     // the writability notice to be given; 0 for none
	writing bool                       // the writing goroutine exists
	fin     bool                       // it is to end the sending half
	end     bool                       // it is to close
	err     error                      // it has failed
	ending  *time.Timer                // bounds the end
}

// relay makes nc a connection of l and waits for it. nc is consumed.
func (e *Engine) relay(nc net.Conn, l *Loop, t *ticket) error {
	_ = nc.SetDeadline(time.Time{})
	r := &relay{e: e, nc: nc, home: l, taken: make(chan struct{}, 1)}
	opened := make(chan struct{})
	if !l.Post(&arrival{r, t, opened}) {
		_ = nc.Close()
		return ErrShutdown
	}
	<-opened
	if !t.opened {
		return ErrRejected
	}
	return nil
}

// arrival is the task of a relay having come to a loop.
type arrival struct {
	*relay
	t      *ticket
	opened chan<- struct{} // nil for a relay that has moved
}

// Run makes the relay a connection of l.
func (a *arrival) Run(l *Loop) {
	r := a.relay
	if a.opened != nil {
		defer close(a.opened)
	}
	if r.e.refuses(r.Fd(), a.t) {
		l.counters.rejected.Add(1)
		r.Close(r)
		return
	}
	a.t.opened = true
	if l.relays == nil {
		l.relays = make(map[*relay]struct{})
	}
	l.relays[r] = struct{}{}
	r.conn = l.newConn(r, addrPortOf(r.nc.RemoteAddr()), a.t)
	if !a.t.moved {
		r.e.relaying.Add(1)
		go r.read() // what it posts comes after this task
	}
	l.admit(r.conn, a.t)
	r.mu.Lock()
	err := r.err
	r.mu.Unlock()
	if err != nil {
		r.conn.closeWith(err)
	}
}

// forward passes a task that was to run on l on to the relay's home, when that
// is another loop. lost tells that there is nobody any more to run it.
func (r *relay) forward(l *Loop, t Task) (forwarded, lost bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.home == l {
		return false, false
	}
	return true, !r.home.Post(t)
}

// moveTo makes l the home. It is called by the present home's loop, where the
// connection is gone. When it fails, the relay is closed.
func (r *relay) moveTo(l *Loop, t *ticket) bool {
	delete(r.home.relays, r)
	held := r.held
	r.conn, r.held = nil, false
	r.mu.Lock()
	moved := l.Post(&arrival{r, t, nil})
	if moved {
		r.home = l
	}
	if held && !(moved && l.Post((*inbound)(r))) {
		r.taken <- struct{}{}
	}
	r.mu.Unlock()
	if !moved {
		r.Close(r)
	}
	return moved
}

// closeRelays closes what connections l has that are not gnet's. The loop's
// goroutine must have ended.
func (l *Loop) closeRelays() {
	for r := range l.relays {
		r.conn.closeWith(ErrShutdown)
	}
	l.part(nil)
}
