package eio_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// dismissed is a server on loops with a manual clock, whose sessions are told
// to go.
type dismissed struct {
	loops    *looptest.Loops
	srv      *eio.Server
	up       *closer
	turns    [][]time.Duration // by loop
	left     []*eio.Session
	result   chan error
	returned atomic.Bool
}

// dismiss opens n sessions on each of two loops and begins to dismiss them.
func dismiss(t *testing.T, ctx context.Context, n int, over time.Duration, leave func(*eio.Session)) *dismissed {
	t.Helper()
	d := &dismissed{up: &closer{}, turns: make([][]time.Duration, 2), result: make(chan error, 1)}
	var err error
	// The clock runs as fast as the test does.
	if d.srv, err = eio.NewServer(eio.Config{PingInterval: 500 * time.Hour}, d.up); err != nil {
		t.Fatal(err)
	}
	d.loops = looptest.New(t, looptest.WithLoops(2))
	for i := range 2 * n {
		c := d.loops.ConnectTo(i%2, d.srv.Accept)
		c.Feed([]byte(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket")))
		c.Forget()
	}
	d.loops.Run()
	if len(d.up.sessions) != 2*n {
		t.Fatalf("%d sessions, want %d", len(d.up.sessions), 2*n)
	}
	d.srv.Refuse(over)
	go func() {
		d.result <- d.srv.Dismiss(ctx, over, func(s *eio.Session) {
			l := s.Loop()
			d.turns[l.Index()] = append(d.turns[l.Index()], time.Duration(l.Now()))
			d.left = append(d.left, s)
			leave(s)
		})
		d.returned.Store(true)
	}()
	return d
}

// advance runs the loops until cond holds.
func (d *dismissed) advance(t *testing.T, what string, cond func() bool) {
	t.Helper()
	wait.Until(t, what, func() bool {
		for range 100 {
			if cond() {
				return true
			}
			d.loops.Advance(time.Millisecond)
		}
		return false
	})
}

// TestDismissKeepsThePace: sessions have their turn in random order, spread
// over the whole time, and never faster than that, even when the process has
// stood still meanwhile or a callback fails.
func TestDismissKeepsThePace(t *testing.T) {
	const n, over = 500, 10 * time.Second
	for _, tt := range []struct {
		name  string
		stops time.Duration
	}{{"an idle process", 0}, {"a process that stands still", 3 * time.Second}} {
		t.Run(tt.name, func(t *testing.T) {
			calls := 0
			d := dismiss(t, t.Context(), n, over, func(s *eio.Session) {
				if calls++; calls == 7 {
					panic("a callback fails")
				}
				s.Close(false)
			})
			d.advance(t, "turn of some sessions", func() bool { return len(d.left) > n/2 })
			d.loops.Stop(tt.stops)
			d.advance(t, "end", d.returned.Load)
			if err := wait.For(t, "result", d.result); err != nil {
				t.Error(err)
			}
			if len(d.left) != 2*n || d.up.closed != 2*n-1 {
				t.Errorf("%d sessions had their turn and %d have ended, want %d", len(d.left), d.up.closed, 2*n)
			}
			for i, turns := range d.turns {
				if took := turns[len(turns)-1] - turns[0]; took < over*9/10+tt.stops || took > over+tt.stops*11/10 {
					t.Errorf("loop %d: it took %v, want about %v", i, took, over+tt.stops)
				}
				from := 0
				for to, at := range turns {
					for at-turns[from] > time.Second {
						from++
					}
					if most := n*105/1000 + 2; to-from+1 > most {
						t.Fatalf("loop %d: %d sessions had their turn within a second, want at most %d", i, to-from+1, most)
					}
				}
			}
			if slices.IsSortedFunc(d.left, func(a, b *eio.Session) int {
				return slices.Index(d.up.sessions, a) - slices.Index(d.up.sessions, b)
			}) {
				t.Error("the sessions left in the order in which they came")
			}
		})
	}
}

// TestDismissEndsWithItsContext: then no session has its turn any more.
func TestDismissEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	d := dismiss(t, ctx, 50, 10*time.Second, func(s *eio.Session) { s.Close(false) })
	d.advance(t, "turn of some sessions", func() bool { return len(d.left) > 10 })
	cancel()
	if err := wait.For(t, "result", d.result); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	before := len(d.left)
	d.loops.Advance(time.Minute)
	if len(d.left) != before {
		t.Errorf("%d sessions had their turn later", len(d.left)-before)
	}
}

// TestDismissIncludesAllLoops: a loop without sessions does not hold it up.
func TestDismissIncludesAllLoops(t *testing.T) {
	s := start(t, eio.Config{})
	c := s.webSocket(t)
	s.Refuse(0)
	if err := s.Dismiss(t.Context(), 0, func(s *eio.Session) {
		s.Loop().Post(loop.TaskFunc(func() { s.Close(false) }))
	}); err != nil {
		t.Error(err)
	}
	c.ExpectClose(0)
	if err := s.Empty(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestRefuse: new sessions are refused so that a load balancer notices, those
// that exist go on.
func TestRefuse(t *testing.T) {
	s := start(t, eio.Config{})
	poll, c := s.polling(t), s.webSocket(t)
	s.Refuse(2100 * time.Millisecond)
	s.Refuse(time.Hour)
	for _, request := range []string{
		"GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n",
		eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket"),
	} {
		conn := eiotest.DialTCP(t, s.addr)
		conn.WriteString(request)
		r := conn.ReadResponse()
		wantResponse(t, r, 503, `{"code":3,"message":"Server shutting down"}`)
		wantHeader(t, r, "Retry-After", "3")
		conn.ExpectEOF()
	}
	s.wantEcho(t, poll)
	c.Text("4hello")
	c.Expect("4hello")
}
