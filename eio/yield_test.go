package eio_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest"
)

// counter is an upper layer that counts messages, and those that come before
// others have the loop.
type counter struct{ messages, before int }

func (u *counter) NewSession() *eio.Session { return new(eio.Session) }
func (u *counter) Opened(*eio.Session)      {}
func (u *counter) Message(s *eio.Session, _ []byte, _ bool) {
	if u.messages++; u.messages == 1 {
		s.Loop().PostFunc(func() { u.before = u.messages })
	}
}
func (u *counter) Closed(*eio.Session, eio.Reason, error) {}

// TestOthersHaveTheLoopBetweenBombs: a read of messages that are a thousand
// times as large when they are inflated is not handled in one go, and nothing
// of it is lost.
func TestOthersHaveTheLoopBetweenBombs(t *testing.T) {
	const n, size = 20, 900_000
	u := &counter{}
	srv, err := eio.NewServer(eio.Config{PerMessageDeflate: &eio.PerMessageDeflate{}}, u)
	if err != nil {
		t.Fatal(err)
	}
	loops := looptest.New(t)
	c := loops.Connect(srv.Accept)
	c.Feed([]byte(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket",
		"Sec-WebSocket-Extensions", "permessage-deflate")))
	loops.Run()
	c.Feed(bytes.Repeat(bomb(t, size), n))
	loops.Run()
	if u.messages > 2 {
		t.Errorf("%d messages came before the loop read others", u.messages)
	}
	for range n {
		loops.Advance(2 * time.Millisecond)
	}
	if most := 1<<20/size + 1; u.before < 1 || u.before > most {
		t.Errorf("%d messages came before others had the loop, want at most %d", u.before, most)
	}
	if u.messages != n {
		t.Errorf("%d messages came, want %d", u.messages, n)
	}
	if c.Closed() {
		t.Error("the connection is closed")
	}
}
