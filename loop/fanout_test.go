package loop

import (
	"log/slog"
	"net/netip"
	"testing"

	"github.com/sioserver/sioserver/loop/internal/backend"
	"github.com/sioserver/sioserver/loop/invariants"
)

// sink is a backend that takes everything and costs nothing.
type sink struct {
	backend.Backend
	backend.Sockets
	sends, bytes int
}

func (s *sink) Send(_ int, b []byte) (int, error) {
	s.sends++
	s.bytes += len(b)
	return len(b), nil
}

func (s *sink) Sendv(fd int, bufs [][]byte) (n int, err error) {
	for _, b := range bufs {
		n += len(b)
	}
	s.sends++
	s.bytes += n
	return n, nil
}

func (s *sink) Wake()        {}
func (s *sink) Unread() bool { return false }
func (s *sink) Now() int64   { return 1 }

type sinkSocket int

func (s sinkSocket) Fd() int { return int(s) }

// fanOut sends a frame to all of its connections, several times.
type fanOut struct {
	conns []*Conn
	frame *Frame
	times int
}

func (f *fanOut) Run(*Loop) {
	for _, c := range f.conns {
		for range f.times {
			c.Send(f.frame.Retain())
		}
	}
}

// openSink opens a connection whose descriptor is i.
func openSink(l *Loop, i int) *Conn {
	t := &handoff{accept: func(*Conn) Handler { return noHandler{} }}
	c := l.newConn(sinkSocket(i), netip.AddrPort{}, t)
	l.opened(c, t)
	return c
}

// TestFanOutAllocatesNothing pins the way from a posted task to the sends.
func TestFanOutAllocatesNothing(t *testing.T) {
	for _, size := range []int{100, 2 * joinLimit} {
		be := &sink{}
		l := newLoop(0, be, be, slog.New(slog.DiscardHandler), defaultMaxQueued, defaultMaxQueuedTotal)
		f := &fanOut{frame: NewFrame()}
		f.frame.B = append(f.frame.B, make([]byte, size)...)
		for i := range 100 {
			f.conns = append(f.conns, openSink(l, i))
		}
		for _, times := range []int{1, 3} {
			f.times = times
			run := func() { l.Post(f); l.turn() }
			run()
			be.sends, be.bytes = 0, 0
			const runs = 50
			allocs := testing.AllocsPerRun(runs, run)
			if want := (runs + 1) * 100; be.sends != want || be.bytes != want*times*size {
				t.Errorf("%d sends of %d bytes in all, want %d of %d", be.sends, be.bytes, want, want*times*size)
			}
			if allocs != 0 && !RaceEnabled && !invariants.Enabled {
				t.Errorf("%d frames of %d bytes to 100 connections: %v allocations", times, size, allocs)
			}
		}
	}
}
