package loop

import (
	"net"
	"time"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

const (
	// relayBuffer is the size at which a buffer towards the writing goroutine
	// is full; with the one that is being written a relay holds twice this.
	relayBuffer = 64 << 10
	// farewell bounds how long closing a relay takes: writing what it has, and
	// what the connection's own Close may want to tell its peer.
	farewell = stopGrace / 2
)

// Fd implements the backend's Socket: a relay has no descriptor.
func (r *relay) Fd() int { return -1 }

// Send implements the backend's Wire, as the following methods do.
func (r *relay) Send(_ int, b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.accept(b)
}

// Sendv accepts several buffers.
func (r *relay) Sendv(_ int, bufs [][]byte) (n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range bufs {
		var taken int
		taken, err = r.accept(b)
		if n += taken; taken < len(b) {
			break
		}
	}
	return n, err
}

// accept appends what there is room for of b. The caller holds mu.
func (r *relay) accept(b []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.out == nil {
		r.out = bufferPool.Get()
	}
	n := min(len(b), max(relayBuffer-r.out.Len(), 0))
	r.out.B = append(r.out.B, b[:n]...)
	r.start()
	return n, nil
}

// start makes sure that the writing goroutine exists. It is called by the home
// loop, which holds mu.
func (r *relay) start() {
	if !r.writing {
		r.writing = true
		r.home.writers.Add(1)
		r.e.relaying.Add(1)
		go r.write(r.home)
	}
}

// CloseWrite has the writing goroutine end the sending half.
func (r *relay) CloseWrite(int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.fin = true
		r.start()
	}
	return r.err
}

// HungUp is false: only the reading goroutine can tell, and it does at once.
func (r *relay) HungUp(int) bool { return false }

// Unacknowledged is 0: what is underneath is not known.
func (r *relay) Unacknowledged(int) time.Duration { return 0 }

// Pause has nothing to do: the reading goroutine waits with the next chunk until
// the loop has taken it.
func (r *relay) Pause(backend.Socket) error { return nil }

// Resume delivers the chunk that has waited.
func (r *relay) Resume(backend.Socket) error {
	if !r.held {
		return nil
	}
	r.held = false
	r.mu.Lock()
	posted := r.home.Post((*inbound)(r))
	r.mu.Unlock()
	if !posted {
		r.taken <- struct{}{}
	}
	return nil
}

// Watch gives the notice when the writing goroutine has taken the buffer, which
// may have happened.
func (r *relay) Watch(_ int, id uint32, _ bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notice = id
	if r.out == nil {
		r.notify()
	}
	return r.err
}

// notify gives the notice that is asked for. The caller holds mu.
func (r *relay) notify() {
	if r.notice != 0 {
		r.home.Post(writable(r.notice))
		r.notice = 0
	}
}

// Unwatch forgets the notice.
func (r *relay) Unwatch(int) {
	r.mu.Lock()
	r.notice = 0
	r.mu.Unlock()
}

// Close has the writing goroutine close the connection after what it was given,
// within farewell.
func (r *relay) Close(backend.Socket) {
	r.mu.Lock()
	delete(r.home.relays, r)
	r.conn = nil
	r.end = true
	r.ending = time.AfterFunc(farewell, r.cut)
	r.start()
	r.mu.Unlock()
}

// close closes the connection.
func (r *relay) close() {
	finished := false
	defer r.survive("Close", &finished, func() {})
	_ = r.nc.Close()
	finished = true
}

// cut closes the connection underneath, which does not wait for the peer.
func (r *relay) cut() {
	finished := false
	defer r.survive("Close", &finished, func() {})
	nc := r.nc
	for {
		over, ok := nc.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		nc = over.NetConn()
	}
	_ = nc.Close()
	finished = true
}

// write is the writing goroutine, started by l.
func (r *relay) write(l *Loop) {
	over := false
	defer func() {
		if over {
			l.writerEnds()
			r.e.relaying.Done()
		}
	}()
	defer r.survive("Write", &over, func() {
		r.fail(ErrPanic)
		go r.write(l) // for what else is to be done
	})
	for {
		r.mu.Lock()
		out, ending := r.out, r.ending
		r.out = nil
		switch {
		case out != nil:
			r.notify()
			failed := r.err != nil
			r.mu.Unlock()
			if !failed {
				_, err := r.nc.Write(out.B)
				r.fail(err)
			}
			bufferPool.Put(out)
		case r.end:
			r.mu.Unlock()
			over = true
			defer ending.Stop()
			r.close()
			return
		case r.fin:
			r.fin = false
			r.mu.Unlock()
			r.fail(closeWrite(r.nc))
		default:
			r.writing = false
			r.mu.Unlock()
			over = true
			return
		}
	}
}

func closeWrite(nc net.Conn) error {
	if half, ok := nc.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nc.Close()
}

// fail tells the loop that writing is impossible, unless err is nil.
func (r *relay) fail(err error) {
	if err == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
	r.home.Post((*failure)(r))
}

// failure is the task of a relay's writer having failed.
type failure relay

// Run closes the connection. One that moves finds the error on its arrival.
func (f *failure) Run(l *Loop) {
	r := (*relay)(f)
	r.mu.Lock()
	home, err := r.home, r.err
	r.mu.Unlock()
	if home == l && r.conn != nil && r.conn.flags&moves == 0 {
		r.conn.closeWith(err)
	}
}
