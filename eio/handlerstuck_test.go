package eio_test

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
)

// counting counts the requests that a server's handler has not returned from.
func counting(h *httptest.Server, active *atomic.Int32) {
	inner := h.Config.Handler
	h.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		active.Add(1)
		defer active.Add(-1)
		inner.ServeHTTP(w, r)
	})
}

// wantIdle waits until no request is being handled and the engine has no
// connection, which is a relay's pipe, left.
func (m *mounted) wantIdle(t *testing.T, active *atomic.Int32) {
	t.Helper()
	eiotest.Eventually(t, "no request and no pipe is left", func() bool {
		return active.Load() == 0 && m.engine.Stats().Connections == 0
	})
}

// dialNarrow connects with a receive buffer that does not grow.
func dialNarrow(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(256 << 10); err != nil {
		t.Fatal(err)
	}
	return conn
}

const bigAnswer = 12 << 20

// TestHandlerUnread: a peer that does not read the answer to its poll is not
// held for ever. One that reads slowly gets all of it.
func TestHandlerUnread(t *testing.T) {
	begin := func(t *testing.T, requestTimeout time.Duration, startHTTP func(*httptest.Server)) (m *mounted, active *atomic.Int32, target string, x *eio.Session) {
		active = new(atomic.Int32)
		m = mountWith(t, func(h *httptest.Server) {
			counting(h, active)
			startHTTP(h)
		}, eio.Config{RequestTimeout: requestTimeout, HTTPCompression: -1})
		r := m.do(t, "GET", m.url+handshake, "")
		return m, active, "/engine.io/" + handshake + "&sid=" + sidOf(t, r), eiotest.Receive(t, m.opened)
	}
	answer := func(t *testing.T, x *eio.Session) {
		eventuallyOn(t, x, "a GET is parked", x.Writable)
		x.Loop().PostFunc(func() { send(x, strings.Repeat("x", bigAnswer), false) })
	}
	// Each part of an answer, the handshake's too, must get through within
	// limit on a busy machine.
	const limit = 2 * time.Second

	for name, c := range map[string]struct {
		requestTimeout time.Duration
		startHTTP      func(*httptest.Server)
	}{
		"HTTP/1.1, RequestTimeout": {limit, (*httptest.Server).Start},
		"HTTP/1.1, WriteTimeout": {0, func(h *httptest.Server) {
			h.Config.WriteTimeout = limit
			h.Start()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, active, target, x := begin(t, c.requestTimeout, c.startHTTP)
			conn := dialNarrow(t, m.http.Listener.Addr().String())
			io.WriteString(conn, "GET "+target+" HTTP/1.1\r\nHost: a\r\n\r\n")
			answer(t, x)
			m.wantIdle(t, active)
			// The end of the connection comes behind what the kernel has.
			conn.SetReadDeadline(time.Now().Add(eiotest.Timeout))
			if n, err := io.Copy(io.Discard, conn); n >= bigAnswer || isTimeout(err) {
				t.Errorf("%d bytes came, %v", n, err)
			}
		})
	}
	t.Run("HTTP/1.1, slowly", func(t *testing.T) {
		t.Parallel()
		m, active, target, x := begin(t, limit, (*httptest.Server).Start)
		conn := dialNarrow(t, m.http.Listener.Addr().String())
		io.WriteString(conn, "GET "+target+" HTTP/1.1\r\nHost: a\r\n\r\n")
		answer(t, x)
		begun := time.Now()
		r := bufio.NewReader(conn)
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		n := int64(0)
		for err == nil {
			var k int64
			k, err = io.CopyN(io.Discard, response.Body, 256<<10)
			n += k
			time.Sleep(2 * limit / (bigAnswer / (256 << 10))) // so that all of it takes longer than limit
		}
		if n != bigAnswer+1 {
			t.Fatalf("%d bytes came, %v", n, err)
		}
		if took := time.Since(begun); took < limit {
			t.Errorf("it took %v only, the test shows nothing", took)
		}
		// The deadline does not outlive the answer.
		m.wantIdle(t, active)
		time.Sleep(limit + limit/10)
		io.WriteString(conn, "GET /other HTTP/1.1\r\nHost: a\r\n\r\n")
		if response, err := http.ReadResponse(r, nil); err != nil || response.StatusCode != 200 {
			t.Errorf("got %v, %v", response, err)
		}
	})
	for name, c := range map[string]struct {
		window uint32
		http2  *http.HTTP2Config
	}{
		"HTTP/2, no window": {0, nil},
		"HTTP/2, no read":   {1<<31 - 1 - 65535, &http.HTTP2Config{WriteByteTimeout: limit}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, active, target, x := begin(t, limit, func(h *httptest.Server) {
				h.EnableHTTP2 = true
				h.Config.HTTP2 = c.http2
				h.StartTLS()
			})
			conn := tls.Client(dialNarrow(t, m.http.Listener.Addr().String()), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
			conn.Write(appendH2Poll(nil, target, c.window))
			answer(t, x)
			m.wantIdle(t, active)
		})
	}
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

// appendH2Poll appends what an HTTP/2 client sends to GET target, with windows
// that are larger by window than they are at first.
func appendH2Poll(dst []byte, target string, window uint32) []byte {
	frame := func(kind, flags byte, stream uint32, payload []byte) {
		dst = append(dst, byte(len(payload)>>16), byte(len(payload)>>8), byte(len(payload)), kind, flags)
		dst = append(binary.BigEndian.AppendUint32(dst, stream), payload...)
	}
	dst = append(dst, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"...)
	frame(0x4, 0, 0, nil) // SETTINGS
	// HEADERS: GET, https, and the path and the authority as literals.
	headers := append([]byte{0x82, 0x87, 0x04, byte(len(target))}, target...)
	headers = append(headers, 0x01, 1, 'a')
	frame(0x1, 0x4|0x1, 1, headers)
	if window > 0 {
		frame(0x8, 0, 0, binary.BigEndian.AppendUint32(nil, window)) // WINDOW_UPDATE
		frame(0x8, 0, 1, binary.BigEndian.AppendUint32(nil, window))
	}
	return dst
}
