package eio

import (
	"errors"
	"math"
	"unicode/utf8"

	"github.com/sioserver/sioserver/eio/internal/deflate"
	"github.com/sioserver/sioserver/eio/internal/wsframe"
	"github.com/sioserver/sioserver/loop"
)

// wsConn is a connection that speaks WebSocket: the current transport of a
// session, a probe that may become it, or one that is being closed and no
// longer belongs to a session. Loop-owned.
type wsConn struct {
	home       *perLoop
	c          *loop.Conn
	s          *Session // nil once the connection is closing
	reader     wsframe.Reader
	wireFormat wireFormat
	params     deflate.Params // of permessage-deflate, if deflates is set
	deflates   bool
	ignoring   bool // the connection is closing: what the peer sends is discarded
	reading    bool // Data is on the stack
}

// maxInflated is how many bytes one read may become by inflation before other
// connections of the loop are served. A read of compressed messages can inflate
// to a thousand times its size, and all of them would wait for it.
const maxInflated = 1 << 20

// Data takes in what the peer sent.
func (w *wsConn) Data(_ *loop.Conn, b []byte) {
	w.reading = true
	inflated := 0
	for !w.ignoring {
		if w.s.waits() {
			w.pause(b)
			break
		}
		event, n, err := w.reader.Next(b, w.limits())
		if err != nil {
			w.violated(err)
			break
		}
		b = b[n:]
		if event.Type == wsframe.None {
			break
		}
		inflated += w.take(event)
		if inflated > maxInflated && len(b) > 0 && !w.ignoring && w.s.ws == w {
			w.s.yield()
		}
	}
	w.reading = false
	switch held := w.reader.Held(); {
	case w.ignoring:
		w.reader.Release()
	case held < minHeld && !w.s.counted:
	case w.s.ws == w:
		w.s.account()
	case held >= minHeld: // no packet of a probe is as long
		w.s.core.probeFailed(w.s)
	}
}

// take handles what the reader has found. It returns the size of a message that
// was compressed.
func (w *wsConn) take(event wsframe.Event) (inflated int) {
	switch event.Type {
	case wsframe.Ping:
		if !w.c.Blocked() { // a ping may go unanswered while the peer takes nothing (RFC 6455 section 5.5.3)
			w.send(wsframe.AppendPong, event.Payload)
		}
	case wsframe.Close:
		w.closedByPeer(event)
	case wsframe.Text, wsframe.Binary:
		if event.Compressed {
			return w.inflate(event)
		}
		w.message(event.Payload, event.Type == wsframe.Binary)
	}
	return 0
}

// pause keeps b, the rest of a read, until the session takes it.
func (w *wsConn) pause(b []byte) {
	_, _, _ = w.reader.Next(b[:0], w.limits()) // releases the buffer of the last message
	w.c.Pause(b)
}

// limits are what the reader accepts.
func (w *wsConn) limits() *wsframe.Limits {
	if w.deflates {
		return &w.home.deflateLimits
	}
	return &w.home.limits
}

// inflate hands on a compressed message and returns its size.
func (w *wsConn) inflate(event wsframe.Event) int {
	f := loop.NewReceivedFrame()
	defer f.Release()
	var err error
	f.B, err = deflate.AppendInflated(f.B, event.Payload, w.home.srv.cfg.MaxHTTPBufferSize)
	if err == nil && event.Type == wsframe.Text && !utf8.Valid(f.B) {
		err = wsframe.ErrUTF8
	}
	if err != nil {
		w.violated(err)
		return 0
	}
	n := len(f.B)
	w.message(f.B, event.Type == wsframe.Binary)
	return n
}

// violation returns the close status for a violation by the peer.
func violation(err error) uint16 {
	frame := (*wsframe.Error)(nil)
	switch {
	case errors.As(err, &frame):
		return frame.Code
	case errors.Is(err, deflate.ErrTooBig):
		return wsframe.ErrTooBig.Code
	default:
		return wsframe.ErrUTF8.Code // data that does not fit its type
	}
}

// message hands one WebSocket message to the session.
func (w *wsConn) message(data []byte, binary bool) {
	s := w.s
	p, err := w.wireFormat.parse(data, binary)
	if err != nil {
		w.undecodable(err)
		return
	}
	if s.ws == w {
		s.receive(p)
		return
	}
	s.core.probeReceive(s, s.now(), p)
	s.rearm()
}

// undecodable ends the session, or only the probe.
func (w *wsConn) undecodable(err error) {
	s := w.s
	if s.ws == w {
		s.core.fail(s, ParseError, err)
	} else {
		w.home.srv.violations.Add(1)
		s.core.probeFailed(s)
	}
}

// violated ends a connection whose peer has violated the WebSocket protocol,
// after what the application sent because of earlier messages.
func (w *wsConn) violated(err error) {
	w.ignoring = true
	w.home.srv.violations.Add(1)
	w.home.loop.Post(&violationTask{w, err})
}

// violationTask ends a connection whose peer has violated the protocol.
type violationTask struct {
	w   *wsConn
	err error
}

func (t *violationTask) Run(*loop.Loop) {
	w, err := t.w, t.err
	s := w.s
	if s == nil {
		return // it has ended since
	}
	w.close(violation(err))
	w.lost(s, TransportError, err)
}

// closedByPeer answers the peer's close frame and ends the connection.
func (w *wsConn) closedByPeer(event wsframe.Event) {
	s := w.s
	w.close(event.Code)
	w.lost(s, TransportClose, nil)
}

// lost is called when w, the transport or the probe of s, is gone.
func (w *wsConn) lost(s *Session, reason Reason, err error) {
	if s.ws == w {
		s.ws = nil
		s.core.end(s, reason, err)
	} else {
		s.home.transports.upgradesFailed.Add(1)
		s.polling.probe = nil
		s.core.probeLost()
	}
}

// close sends a close frame, without a status when code is 0, detaches w from
// the session and ends the connection once what was sent has left. It does not
// wait for the peer's close frame: whatever the peer sends is discarded.
func (w *wsConn) close(code uint16) {
	w.s, w.ignoring = nil, true
	f := loop.NewFrame()
	f.B = wsframe.AppendClose(f.B, code)
	w.c.Send(f)
	w.c.CloseAfterFlush(lingerTimeout)
	if !w.reading {
		w.reader.Release()
	}
}

// send sends a frame that appendFrame makes of payload.
func (w *wsConn) send(appendFrame func(dst, payload []byte) []byte, payload []byte) {
	f := loop.NewFrame()
	f.B = appendFrame(f.B, payload)
	w.c.Send(f)
}

// Flushed is called when the peer has taken everything.
func (w *wsConn) Flushed(*loop.Conn) {
	s := w.s
	if s == nil || s.ws != w {
		return
	}
	if s.Unsent() != 0 {
		s.publish(0)
	}
	if len(w.home.waiters) > 0 {
		w.home.flushedTo(s, math.MaxInt)
	}
	if s.core.watched {
		s.drained()
	}
}

// Blocked records what the peer has not taken yet.
func (w *wsConn) Blocked(c *loop.Conn) {
	s := w.s
	if s == nil || s.ws != w {
		return
	}
	s.publish(c.Queued())
	if len(w.home.waiters) > 0 {
		w.home.flushedTo(s, c.Taken())
	}
}

// Closed is called when the connection is gone.
func (w *wsConn) Closed(_ *loop.Conn, err error) {
	w.reader.Release()
	if s := w.s; s != nil {
		w.s = nil
		if errors.Is(err, loop.ErrOverflow) {
			w.lost(s, TransportError, ErrQueueOverflow)
		} else {
			w.lost(s, TransportClose, err)
		}
	}
}
