package sio

import (
	"context"
	"encoding/json"
	"log/slog"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio/adapter"
)

// trappedReader is a Recoverer one of whose methods does not return.
type trappedReader struct {
	reader
	trap  string
	end   func()
	ended atomic.Int32
	armed atomic.Bool // Since is called all the time
}

func (r *trappedReader) spring(method string) {
	if method == r.trap {
		r.ended.Add(1)
		r.end()
	}
}

func (r *trappedReader) Since() (string, <-chan struct{}) {
	if r.armed.Load() {
		r.spring("Since")
	}
	return "1000-2", nil
}

func (r *trappedReader) Restore(ctx context.Context, pid, offset string, seen bool) (adapter.Session, bool) {
	r.spring("Restore")
	return r.reader.Restore(ctx, pid, offset, seen)
}

func (r *trappedReader) Take(ctx context.Context, s adapter.Session) bool {
	r.spring("Take")
	return r.reader.Take(ctx, s)
}

func (r *trappedReader) History(ctx context.Context, after string) ([]adapter.Kept, string, error) {
	r.spring("History")
	return r.reader.History(ctx, after)
}

func (r *trappedReader) Persist(s adapter.Session) {
	r.spring("Persist")
	r.reader.Persist(s)
}

// TestRecovererEndsInAnyWay has the methods of a Recoverer that a client causes
// to be called end in other ways than by returning: a client whose session
// can't be had gets a new one, and nothing else suffers.
func TestRecovererEndsInAnyWay(t *testing.T) {
	const id = "abcdefghijklmnopqrst"
	for _, method := range []string{"Restore", "Take", "History", "Persist"} {
		for how, end := range map[string]func(){"panic": func() { panic("a bug") }, "Goexit": runtime.Goexit} {
			t.Run(method+", "+how, func(t *testing.T) {
				st := newStream()
				for range 2 {
					st.addLocked(entry{kept: adapter.Kept{Packet: adapter.Packet{Event: "e"}}})
				}
				st.sessions["p"] = adapter.Session{ID: id, PID: "p", Rooms: []string{id}, Data: json.RawMessage("{}")}
				r := &trappedReader{reader: reader{stream: st}, trap: method, end: end}
				srv, err := New(Config{
					Loops: 1, ConnectionStateRecovery: &Recovery{}, Logger: slog.New(slog.DiscardHandler),
					Adapter: func(local adapter.Local) adapter.Adapter { r.local = local; return r },
				})
				if err != nil {
					t.Fatal(err)
				}
				if err := srv.Listen("127.0.0.1:0"); err != nil {
					t.Fatal(err)
				}
				defer srv.Close()
				answer, conn := returning(t, srv, "", "p")
				if n := srv.Stats().Recovery.Recovered; (n == 1) != (method == "Persist") {
					t.Errorf("%d clients are recovered; the answer is %q", n, answer)
				}
				conn.Close()
				waits := func(st Stats) bool {
					return st.Clients+st.Sockets+st.Unjoined+st.Pending+st.PendingStranded > 0 || st.HandlerPanics == 0
				}
				wait.Until(t, "nothing waits and the panic is counted", func() bool { return !waits(srv.Stats()) })
				if st := srv.Stats(); r.ended.Load() != 1 || st.HandlerPanics != 1 {
					t.Errorf("%+v", st)
				}
				again := eiotest.Dial(t, srv.Addr().String(), webSocket)
				again.Text("40")
				for answer := ""; !strings.HasPrefix(answer, "40"); {
					f, err := again.ReadFrame()
					if err != nil {
						t.Fatal(err)
					}
					answer = string(f.Payload)
				}
			})
		}
	}
}

// slowTaker is a Recoverer whose Take waits, and whose Persist does not return.
type slowTaker struct {
	trappedReader
	takes, goOn chan struct{}
}

func (r *slowTaker) Take(ctx context.Context, s adapter.Session) bool {
	close(r.takes)
	<-r.goOn
	return r.reader.Take(ctx, s)
}

// TestGiveBackEndsInAnyWay: a client leaves while its session is taken, and the
// adapter's Persist, which gets that back, does not return. The namespace ends
// all the same.
func TestGiveBackEndsInAnyWay(t *testing.T) {
	for how, end := range map[string]func(){"panic": func() { panic("a bug") }, "Goexit": runtime.Goexit} {
		t.Run(how, func(t *testing.T) {
			st := newStream()
			for range 2 {
				st.addLocked(entry{kept: adapter.Kept{Packet: adapter.Packet{Event: "e"}}})
			}
			const id = "abcdefghijklmnopqrst"
			st.sessions["p"] = adapter.Session{ID: id, PID: "p", Rooms: []string{id}, Data: json.RawMessage("{}"), Namespace: "/p"}
			r := &slowTaker{
				trappedReader: trappedReader{reader: reader{stream: st}, trap: "Persist", end: end},
				takes:         make(chan struct{}), goOn: make(chan struct{}),
			}
			srv, err := New(Config{
				Loops: 1, ConnectionStateRecovery: &Recovery{}, Logger: slog.New(slog.DiscardHandler),
				Adapter: func(adapter.Local) adapter.Adapter { return r },
			})
			if err != nil {
				t.Fatal(err)
			}
			defer srv.Close()
			srv.OfPattern(regexp.MustCompile("^/p$"))
			if err := srv.Listen("127.0.0.1:0"); err != nil {
				t.Fatal(err)
			}
			conn := eiotest.Dial(t, srv.Addr().String(), "/socket.io/?EIO=4&transport=websocket")
			conn.Text(`40/p,{"pid":"p","offset":"1000-0"}`)
			wait.For(t, "Take", r.takes)
			conn.Close()
			wait.Until(t, "the client has left", func() bool { return srv.Stats().Clients == 0 })
			close(r.goOn)
			wait.Until(t, "the namespace has ended", func() bool { return srv.Stats().DynamicNamespaces == 0 })
			if st := srv.Stats(); r.ended.Load() != 1 || st.HandlerPanics != 1 || st.PendingStranded != 0 {
				t.Errorf("%d calls of Persist, %+v", r.ended.Load(), st)
			}
		})
	}
}
