package loop_test

import (
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
)

// silent is a connection that never has anything to read.
type silent struct {
	net.Conn
	closed chan struct{}
	once   sync.Once
}

func (s *silent) Read([]byte) (int, error)    { <-s.closed; return 0, io.EOF }
func (s *silent) Close() error                { s.once.Do(func() { close(s.closed) }); return nil }
func (s *silent) SetDeadline(time.Time) error { return nil }
func (s *silent) RemoteAddr() net.Addr        { return nil }

// BenchmarkIdleStream reports what an idle connection that is not a descriptor
// costs, heap and stacks: the stream and its Conn alone, and with all that
// crypto/tls and package net keep for a TLS connection (and package net's half
// a kilobyte for the client's descriptor).
func BenchmarkIdleStream(b *testing.B) {
	b.Run("stream", func(b *testing.B) {
		benchmarkIdle(b, func() (server, client net.Conn) {
			s := &silent{closed: make(chan struct{})}
			return s, s
		})
	})
	b.Run("TLS", func(b *testing.B) {
		benchmarkIdle(b, func() (net.Conn, net.Conn) {
			server, client := pair(b)
			sc, cc := identity()
			s, c := tls.Server(server, sc), tls.Client(client, cc)
			done := make(chan error)
			go func() { done <- s.Handshake() }()
			if err := c.Handshake(); err != nil {
				b.Fatal(err)
			}
			if err := <-done; err != nil {
				b.Fatal(err)
			}
			return s, client
		})
	})
}

func benchmarkIdle(b *testing.B, ends func() (server, client net.Conn)) {
	const n = 1000
	conns := make([]net.Conn, 0, 2*n)
	for b.Loop() {
		e := start(b, loop.Config{Loops: 1}, acceptEcho)
		memory, goroutines := inUse()
		for range n {
			server, client := ends()
			conns = append(conns, server, client)
			if err := e.Adopt(server, nil, acceptEcho); err != nil {
				b.Fatal(err)
			}
		}
		m, g := inUse()
		b.ReportMetric(float64(m-memory)/n, "B/conn")
		b.ReportMetric(float64(g-goroutines)/n, "goroutines/conn")
		shutdown(b, e)
		for _, c := range conns {
			c.Close()
		}
		clear(conns)
		conns = conns[:0]
	}
}

// inUse is the memory of heap and stacks, and the goroutines.
func inUse() (memory, goroutines int) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse), runtime.NumGoroutine()
}
