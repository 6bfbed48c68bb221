package sio

import (
	"log/slog"
	"regexp"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio/adapter"
)

// lastReader is a Recoverer that reports what comes first, a session or its
// end.
type lastReader struct {
	reader
	persisted chan string
	closed    chan struct{}
}

func (r *lastReader) Persist(adapter.Session) {
	select {
	case <-r.closed:
		r.persisted <- "after Close"
	default:
		r.persisted <- "before Close"
	}
}

func (r *lastReader) Close() error {
	close(r.closed)
	return nil
}

// waiting is data whose encoding takes as long as the adapter needs to be
// closed, if that is not waited for.
type waiting struct{ closed chan struct{} }

func (w waiting) MarshalJSON() ([]byte, error) {
	select {
	case <-w.closed:
	case <-time.After(20 * time.Millisecond):
	}
	return []byte("1"), nil
}

// TestLastSessionIsPersisted: a namespace that ends with its last socket closes
// its adapter behind the socket's session.
func TestLastSessionIsPersisted(t *testing.T) {
	r := &lastReader{persisted: make(chan string, 1), closed: make(chan struct{})}
	srv, err := New(Config{
		Loops: 1, ConnectionStateRecovery: &Recovery{},
		Logger: slog.New(slog.DiscardHandler),
		Adapter: func(l adapter.Local) adapter.Adapter {
			if l.Namespace() == "/" {
				return newStream().connect(0)(l)
			}
			r.reader = reader{stream: newStream(), local: l}
			return r
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	srv.OfPattern(regexp.MustCompile("^/p$")).Use(func(s *Socket) error {
		s.SetData(waiting{r.closed})
		return nil
	})
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	_, conn := returning(t, srv, "/p,", "")
	conn.Close()
	when := wait.For(t, "the session's end", r.persisted)
	if when != "before Close" {
		t.Errorf("the session was persisted %s", when)
	}
	<-r.closed
}
