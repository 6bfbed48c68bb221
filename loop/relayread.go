package loop

import "sync"

const (
	// restingChunk is the read buffer of an idle relay.
	restingChunk = 1 << 10
	// busyChunk is the read buffer of a relay whose last read filled its
	// buffer. It holds two full TLS records.
	busyChunk = 32 << 10
)

var busyChunks = sync.Pool{New: func() any { return new([busyChunk]byte) }}

// read is the reading goroutine.
func (r *relay) read() {
	defer r.e.relaying.Done()
	finished := false
	defer r.survive("Read", &finished, func() {
		r.chunk, r.chunkErr = nil, ErrPanic
		r.post()
	})
	resting := make([]byte, restingChunk)
	var busy *[busyChunk]byte
	defer func() {
		if busy != nil {
			busyChunks.Put(busy)
		}
	}()
	for {
		b := resting
		if busy != nil {
			b = busy[:]
		}
		n, err := r.nc.Read(b)
		if n > 0 {
			r.chunk = b[:n]
			if !r.post() {
				finished = true
				return
			}
			<-r.taken
		}
		if err != nil {
			r.chunk, r.chunkErr = nil, err
			r.post()
			finished = true
			return
		}
		switch {
		case busy == nil && n == restingChunk:
			busy = busyChunks.Get().(*[busyChunk]byte)
		case busy != nil && n < restingChunk:
			busyChunks.Put(busy)
			busy = nil
		}
	}
}

// survive is deferred around the calls of the connection's methods, which are not this
// module's: the connection ends, in whatever way they have ended.
func (r *relay) survive(where string, finished *bool, otherwise func()) {
	if *finished {
		return
	}
	p := recover()
	otherwise()
	r.mu.Lock()
	l := r.home
	r.mu.Unlock()
	l.report("net.Conn."+where, p)
}

// post gives the home loop what was read. It is false when nobody wants it.
func (r *relay) post() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.end && r.home.Post((*inbound)(r))
}

// inbound is the task of a relay's reader having read a chunk, or the end.
type inbound relay

// Run delivers the chunk.
func (in *inbound) Run(l *Loop) {
	r := (*relay)(in)
	if forwarded, lost := r.forward(l, in); forwarded {
		if lost {
			r.taken <- struct{}{}
		}
		return
	}
	c := r.conn
	if c != nil && c.flags&(moves|isPaused) != 0 {
		r.held = true // moveTo takes it along, Resume delivers it
		return
	}
	defer func() { r.taken <- struct{}{} }()
	switch {
	case c == nil:
	case r.chunkErr != nil:
		c.ended(r.chunkErr)
	default:
		l.counters.bytesIn.Add(int64(len(r.chunk)))
		c.data(r.chunk)
	}
}
