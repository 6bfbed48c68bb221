package sio

import (
	"bytes"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest"
)

// TestRecoveryWaitKeepsNamespace has a client come back before the server
// notices that it was gone, to a namespace that exists only while somebody is
// there: to wait is to be there.
func TestRecoveryWaitKeepsNamespace(t *testing.T) {
	srv, err := New(Config{
		Loops: 1, ConnectionStateRecovery: &Recovery{}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	srv.OfPattern(regexp.MustCompile("^/p$"))
	w := &waiters{lt: looptest.New(t), srv: srv, nsp: "/p,"}
	first, was := w.begin(t)
	second := w.ask(was)
	w.lt.Run() // it waits
	first.PeerClose()
	w.lt.Advance(2 * noticeTime)
	if now := w.welcome(t, second); now.sid != was.sid {
		t.Errorf("the socket is %s, want %s", now.sid, was.sid)
	}
}

// TestRecoveryWaitsForEach has a client come back twice before the server
// notices that it was gone. A connection that waits for the first one must wait
// for the second, too, which gets the session in between.
func TestRecoveryWaitsForEach(t *testing.T) {
	srv, err := New(Config{Loops: 1, ConnectionStateRecovery: &Recovery{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	w := &waiters{lt: looptest.New(t), srv: srv}
	first, was := w.begin(t)
	second := w.ask(was)
	w.lt.Advance(noticeTime / 2)
	third := w.ask(was)
	w.lt.Run() // both wait
	first.PeerClose()
	w.lt.Advance(noticeTime * 3 / 4)
	if now := w.welcome(t, second); now.sid != was.sid {
		t.Errorf("the second connection's socket is %s, want %s", now.sid, was.sid)
	}
	w.lt.Advance(noticeTime / 2) // the third has waited for the first
	second.PeerClose()
	w.lt.Advance(2 * noticeTime)
	if now := w.welcome(t, third); now.sid != was.sid {
		t.Errorf("the third connection's socket is %s, want %s", now.sid, was.sid)
	}
	if st := srv.Stats().Recovery; st.Failed != 0 || st.Recovered != 2 {
		t.Errorf("statistics %+v", st)
	}
}

// TestRecoveryWaitsForTheKernel has a loop notice the end of a connection late:
// as long as the kernel knows of it the client waits.
func TestRecoveryWaitsForTheKernel(t *testing.T) {
	srv, err := New(Config{Loops: 1, ConnectionStateRecovery: &Recovery{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	w := &waiters{lt: looptest.New(t), srv: srv}
	first, was := w.begin(t)
	first.HangUp()
	second := w.ask(was)
	w.lt.Advance(5 * noticeTime)
	first.PeerClose()
	w.lt.Advance(2 * noticeTime)
	now := w.welcome(t, second)
	if now.sid != was.sid {
		t.Errorf("the socket is %s, want %s", now.sid, was.sid)
	}

	second.HangUp() // and is never noticed
	third := w.ask(now)
	w.lt.Advance((noticeTimes + 1) * noticeTime)
	if r := w.welcome(t, third); r.sid == was.sid {
		t.Error("the session was taken from a connection that is not over")
	}
}

// waiters connects clients to a server with one loop, which the test runs.
type waiters struct {
	lt  *looptest.Loops
	srv *Server
	nsp string // with a comma; "" for the main one
}

// ask connects a client that asks for a session, which may be none.
func (w *waiters) ask(r *recoverer) *looptest.Conn {
	c := w.lt.Connect(w.srv.eio.Accept)
	c.Feed([]byte(upgradeRequest))
	w.lt.Run()
	c.Sent()
	c.Feed(eiotest.AppendText(nil, fmt.Sprintf(`40%s{"pid":%q,"offset":%q}`, w.nsp, r.pid, r.offset)))
	return c
}

func (w *waiters) read(r *recoverer, c *looptest.Conn) {
	for _, f := range eiotest.Frames(r.t, c.Sent()) {
		f.Payload = bytes.Replace(f.Payload, []byte(w.nsp), nil, 1)
		r.read(f)
	}
}

func (w *waiters) welcome(t *testing.T, c *looptest.Conn) *recoverer {
	r := &recoverer{t: t}
	w.lt.RunUntil(func() bool { w.read(r, c); return r.welcome })
	return r
}

// begin connects a client and has it sent one event.
func (w *waiters) begin(t *testing.T) (*looptest.Conn, *recoverer) {
	c := w.ask(&recoverer{})
	r := w.welcome(t, c)
	if err := w.srv.Of("/"+strings.Trim(w.nsp, "/,")).Emit("e", 1); err != nil {
		t.Fatal(err)
	}
	w.lt.Run()
	w.read(r, c)
	return c, r
}
