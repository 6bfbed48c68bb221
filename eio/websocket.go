package eio

import (
	"errors"

	"github.com/sioserver/sioserver/eio/wsframe"
	"github.com/sioserver/sioserver/loop"
)

// wsConn is a connection that speaks WebSocket: the current transport of a
// session, a probe that wants to become it, or one that is being closed and
// belongs to no session any more. Loop-owned.
type wsConn struct {
	home   *shard
	c      *loop.Conn
	s      *Session    // nil once the connection is closing
	linger *loop.Timer // bounds the closing; nil before
	reader wsframe.Reader
	form   form
	deaf   bool // the peer broke the protocol: what it sends is discarded
}

// Data takes in what the peer sent.
func (w *wsConn) Data(_ *loop.Conn, b []byte) {
	if w.deaf {
		return
	}
	for {
		event, n, err := w.reader.Next(b, &w.home.limits)
		if err != nil {
			w.violated(err)
			return
		}
		b = b[n:]
		switch event.Type {
		case wsframe.None:
			return
		case wsframe.Ping:
			if w.s != nil {
				w.send(wsframe.AppendPong, event.Payload)
			}
		case wsframe.Close:
			w.closedByPeer(event)
			return
		case wsframe.Text, wsframe.Binary:
			w.message(event.Payload, event.Type == wsframe.Binary)
		}
	}
}

// message hands one WebSocket message to the session.
func (w *wsConn) message(data []byte, binary bool) {
	s := w.s
	if s == nil {
		return
	}
	p, err := w.form.parse(data, binary)
	if err != nil {
		w.undecodable(err)
		return
	}
	if s.ws == w {
		s.core.receive(s, s.home.srv.timing, s.now(), p)
		return
	}
	s.core.probeReceive(s, s.now(), p)
	s.rearm()
}

// undecodable ends the session, or only the probe.
func (w *wsConn) undecodable(err error) {
	s := w.s
	if s.ws == w {
		s.core.end(s, ParseError, err)
	} else {
		s.core.probeFailed(s)
	}
}

// violated ends a connection whose peer breaks the WebSocket protocol.
func (w *wsConn) violated(err error) {
	w.deaf = true
	if s := w.s; s != nil {
		w.close(err.(*wsframe.Error).Code)
		w.lost(s, TransportError, err)
	}
}

// closedByPeer answers the peer's close frame and ends the connection.
func (w *wsConn) closedByPeer(event wsframe.Event) {
	if s := w.s; s != nil {
		w.close(event.Code)
		w.lost(s, TransportClose, nil)
	}
	w.c.CloseAfterFlush(lingerTimeout)
}

// lost tells the session that w, which was its transport or its probe, is gone.
func (w *wsConn) lost(s *Session, reason Reason, err error) {
	if s.ws == w {
		s.ws = nil
		s.core.end(s, reason, err)
	} else {
		s.polling.probe = nil
		s.core.probeLost()
	}
}

// close sends a close frame, without a status when code is 0, and waits for the
// peer's, but not for ever.
func (w *wsConn) close(code uint16) {
	w.s = nil
	f := loop.NewFrame()
	f.B = wsframe.AppendClose(f.B, code, "")
	w.c.Send(f)
	w.linger = w.home.loop.AfterFunc(closeTimeout, w.c.Close)
}

// send sends a frame that appendFrame makes of payload.
func (w *wsConn) send(appendFrame func(dst, payload []byte) []byte, payload []byte) {
	f := loop.NewFrame()
	f.B = appendFrame(f.B, payload)
	w.c.Send(f)
}

// Flushed has nothing to do: Writable is asked when it matters.
func (w *wsConn) Flushed(*loop.Conn) {}

// Closed tells the session that the connection is gone.
func (w *wsConn) Closed(_ *loop.Conn, err error) {
	w.reader.Release(&w.home.limits)
	if w.linger != nil {
		w.home.loop.Cancel(w.linger)
	}
	if s := w.s; s != nil {
		w.s = nil
		w.lost(s, closeReason(err), err)
	}
}

// closeReason tells a peer that left from a connection that this side gave up.
func closeReason(err error) Reason {
	if errors.Is(err, loop.ErrOverflow) {
		return TransportError
	}
	return TransportClose
}
