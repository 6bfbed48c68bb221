package sio

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio/adapter"
)

// TestRecoveryInAnotherNamespace: an adapter that keeps the sessions of all
// namespaces does not let a client skip the middlewares of a namespace that it
// was not in.
func TestRecoveryInAnotherNamespace(t *testing.T) {
	const id = "abcdefghijklmnopqrst"
	for name, c := range map[string]struct {
		from    string // of the session; "" if the adapter does not know it
		refuses bool   // the middleware
		asked   int
		want    string
	}{
		"its own":                    {from: "/guarded", refuses: true, asked: 0, want: id},
		"another":                    {from: "/", refuses: true, asked: 1, want: "44/guarded,"},
		"another, as a new client":   {from: "/", asked: 1, want: "40/guarded,"},
		"unknown, refused":           {from: "", refuses: true, asked: 1, want: "44/guarded,"},
		"unknown, and not refused":   {from: "", asked: 1, want: id},
		"a prefix of the namespace":  {from: "/guard", refuses: true, asked: 1, want: "44/guarded,"},
		"longer than the namespace":  {from: "/guarded/x", refuses: true, asked: 1, want: "44/guarded,"},
		"the same, in another style": {from: "guarded", refuses: true, asked: 1, want: "44/guarded,"},
	} {
		t.Run(name, func(t *testing.T) {
			st := newStream()
			st.sessions["p"] = adapter.Session{ID: id, PID: "p", Rooms: []string{id}, Data: []byte("{}"), Namespace: c.from}
			srv, err := New(Config{
				Loops: 1, ConnectionStateRecovery: &Recovery{}, Adapter: st.connect(0), Logger: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			defer srv.Close()
			asked := make(chan bool, 10)
			srv.Of("/guarded").Use(func(s *Socket) error {
				asked <- s.Recovered()
				if c.refuses {
					return errors.New("not you")
				}
				return nil
			})
			if err := srv.Listen("127.0.0.1:0"); err != nil {
				t.Fatal(err)
			}
			answer, conn := returning(t, srv, "/guarded,", "p")
			defer conn.Close()
			if !strings.Contains(answer, c.want) || strings.Contains(answer, id) != (c.want == id) {
				t.Errorf("the answer is %s, want %s", answer, c.want)
			}
			if len(asked) != c.asked {
				t.Errorf("the middleware is asked %d times, want %d", len(asked), c.asked)
			}
		})
	}
}

// TestSessionSaysItsNamespace: what a server gives its adapter to keep.
func TestSessionSaysItsNamespace(t *testing.T) {
	st := newStream()
	srv := clustered(t, 1, st, Recovery{}, 0)[0]
	srv.Of("/some")
	_, conn := returning(t, srv, "/some,", "nothing")
	conn.Close()
	wait.Until(t, "a session of the namespace", func() bool {
		st.mu.Lock()
		defer st.mu.Unlock()
		for _, s := range st.sessions {
			if s.Namespace == "/some" {
				return true
			}
		}
		return false
	})
}
