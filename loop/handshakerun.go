package loop

import (
	"io"
	"time"

	"github.com/sioserver/sioserver/loop/internal/tlsbuf"
)

// longWork is for how long a handshake counts as work. One that takes longer
// waits for something, such as a certificate that GetCertificate asks another
// server for.
const longWork = 50 * time.Millisecond

// run is the goroutine. It posts the outcome.
func (h *handshake) run() {
	l := h.socket.home
	result := &outcome{h: h, err: ErrPanic}
	finished := false
	defer func() {
		p := recover()
		h.rest()
		h.cancel()
		defer l.Post(result) // the application's logger may end the goroutine
		if !finished {
			l.report("a function of Config.TLS", p)
		}
	}()
	err := h.work()
	if err == nil {
		err = h.socket.tls.HandshakeContext(h.ctx)
	}
	result.err, finished = err, true
}

// work waits for a place to work. It fails if the connection is closed.
func (h *handshake) work() error {
	places := &h.socket.home.engine.places
	select {
	case places.work <- struct{}{}:
	case <-h.ctx.Done():
		return io.ErrClosedPipe
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tenant = true
	h.alarm = time.AfterFunc(longWork, h.rest)
	return nil
}

// rest gives up the place to work, if there is one. Safe for concurrent use.
func (h *handshake) rest() {
	h.mu.Lock()
	tenant := h.tenant
	h.tenant = false
	if tenant {
		h.alarm.Stop()
	}
	h.mu.Unlock()
	if tenant {
		<-h.socket.home.engine.places.work
	}
}

// outcome is the task that ends a handshake.
type outcome struct {
	h   *handshake
	err error
}

// Run hands the connection to the function that accepts it.
func (o *outcome) Run(l *Loop) {
	h, s := o.h, o.h.socket
	c := s.conn
	if c == nil || c.flags&(isLeaving|isLingering) != 0 {
		return
	}
	if o.err != nil {
		h.fail(o.err, "")
		return
	}
	l.Cancel(&h.timer)
	l.counters.handshakes.Add(1)
	tlsbuf.Reclaim(s.tls)
	s.shake, s.raw = nil, c.Queued()
	c.handler = noHandler{}
	c.Resume()
	l.callAccept(c, h.t.accept)
	s.received(h.in)
}

// fail ends the connection with the alert, or the answer, that the peer is to
// get.
func (h *handshake) fail(err error, answer string) {
	c := h.socket.conn
	l := c.loop
	l.log.Debug("loop: TLS handshake failed", "remote", h.remote, "error", err)
	h.abort(l)
	if answer != "" {
		f := NewFrame()
		f.B = append(f.B, answer...)
		c.Send(f)
	}
	c.CloseAfterFlush(alertTime)
}
