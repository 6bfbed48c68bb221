package sio

import (
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest"
)

// TestRecoveryWaitKeepsNamespace has a client come back before the server notices
// that it was gone, to a namespace that exists only while somebody is there: to
// wait is to be there.
func TestRecoveryWaitKeepsNamespace(t *testing.T) {
	srv, err := New(Config{
		Loops: 1, ConnectionStateRecovery: &Recovery{}, CleanupEmptyChildNamespaces: true, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	srv.OfPattern(regexp.MustCompile("^/p$"))
	lt := looptest.New(t)
	ask := func(pid, offset string) *looptest.Conn {
		c := lt.Connect(srv.eio.Accept)
		c.Feed([]byte(upgradeRequest))
		lt.Run()
		c.Sent()
		c.Feed(frame(1, fmt.Sprintf(`40/p,{"pid":%q,"offset":%q}`, pid, offset)))
		return c
	}
	read := func(r *recoverer, c *looptest.Conn) {
		for _, f := range frames(c.Sent()) {
			r.read(f[0][0], []byte(strings.Replace(string(f[1]), "/p,", "", 1)))
		}
	}
	welcome := func(c *looptest.Conn) *recoverer {
		r := &recoverer{t: t}
		lt.RunUntil(func() bool { read(r, c); return r.welcome })
		return r
	}
	first := ask("", "")
	was := welcome(first)
	if err := srv.Of("/p").Emit("e", 1); err != nil {
		t.Fatal(err)
	}
	lt.Run()
	read(was, first)
	second := ask(was.pid, was.offset)
	lt.Run() // it waits
	first.PeerClose()
	lt.Advance(2 * noticeTime)
	if now := welcome(second); now.sid != was.sid {
		t.Errorf("the socket is %s, want %s", now.sid, was.sid)
	}
}
