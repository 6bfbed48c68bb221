package loop

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"
)

var _ secured = (*streamSocket)(nil)

func (r *streamSocket) secure() bool { return r.TLS() != nil }

func (r *streamSocket) connectionState() *tls.ConnectionState {
	nc := r.TLS()
	if nc == nil {
		return nil
	}
	state := nc.ConnectionState()
	if !state.HandshakeComplete {
		return nil
	}
	return &state
}

// acceptTLS makes nc, which was accepted, a TLS connection of l that is driven
// by goroutines. It does not wait for that.
func (e *Engine) acceptTLS(nc net.Conn, l *Loop, t *handoff) {
	h := (*host)(e)
	if !h.BeginAttach() {
		_ = nc.Close()
		return
	}
	go func() {
		defer h.EndAttach()
		_ = e.streamTLS(nc, l, t) // it counts what fails
	}()
}

// streamTLS makes nc, which is consumed, a TLS connection of l that is driven
// by goroutines. It waits for the handshake.
func (e *Engine) streamTLS(nc net.Conn, l *Loop, t *handoff) error {
	ctx, cancel := context.WithTimeout(e.live, e.cfg.HandshakeTimeout)
	defer cancel()
	remote := t.remote
	if !remote.IsValid() {
		remote = addrPortOf(nc.RemoteAddr())
	}
	if len(t.unread) > 0 {
		nc = &begun{nc, bytes.NewReader(t.unread)}
		t.unread = nil
	}
	_ = nc.SetDeadline(time.Time{})
	conn := tls.Server(nc, t.tls.config)
	result := make(chan error, 1)
	entry := e.places.enter(remote.Addr(), func() {
		err := ErrPanic
		finished := false
		defer func() {
			p := recover()
			defer func() { result <- err }()
			if !finished {
				l.report("a function of Config.TLS", p)
			}
		}()
		err = conn.HandshakeContext(ctx)
		finished = true
	})
	var err error
	select {
	case err = <-result:
	case <-ctx.Done():
		e.places.withdraw(entry)
		_ = nc.Close()
		err = ctx.Err()
	}
	if err != nil {
		l.counters.handshakesFailed.Add(1)
		l.log.Debug("loop: TLS handshake failed", "remote", remote, "error", err)
		if header, ok := errors.AsType[tls.RecordHeaderError](err); ok && header.Conn != nil && looksLikeHTTP(header.RecordHeader[:]) {
			_ = nc.SetWriteDeadline(time.Now().Add(alertTime))
			_, _ = io.WriteString(nc, plainHTTP)
		}
		_ = nc.Close()
		return err
	}
	l.counters.handshakes.Add(1)
	return e.stream(conn, l, t)
}

// begun is a connection of which the beginning was read already.
type begun struct {
	net.Conn
	unread *bytes.Reader
}

// Read returns the beginning first.
func (b *begun) Read(p []byte) (int, error) {
	if n, err := b.unread.Read(p); err != io.EOF {
		return n, err
	}
	return b.Conn.Read(p)
}
