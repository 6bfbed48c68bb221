package eio_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest"
)

// TestTheBoundHoldsAgainstPausedSessions: POSTs of sessions that the upper
// layer has paused are held when they are complete. They do not get the turn
// one after the other, and all are delivered once the sessions go on.
func TestTheBoundHoldsAgainstPausedSessions(t *testing.T) {
	const limit, size, n = 4 << 20, 900_000, 60
	r := newReceivers(t, eio.Config{MaxReceiving: limit, PingInterval: time.Hour})
	var all []*sender
	for range n {
		all = append(all, r.post(size))
		r.sessions[len(r.sessions)-1].Pause()
	}
	peak := 0
	upload := func(rounds int) {
		for range rounds {
			for _, s := range all {
				if !s.waits() {
					s.send(64 << 10)
				}
			}
			r.loops.Advance(20 * time.Millisecond)
			peak = max(peak, r.ReceivingStats().Bytes)
		}
	}
	upload(300)
	if most := limit + size + n*64<<10; peak > most {
		t.Errorf("%d bytes were held at the peak, want at most %d", peak, most)
	}
	if len(r.lengths) > 0 {
		t.Fatal("a paused session was given a message")
	}
	honest := r.webSocket(size)
	honest.send(2 * size)
	for range 100 {
		r.loops.Advance(20 * time.Millisecond)
	}
	if len(r.lengths) != 1 {
		t.Error("the message of a session that is not paused has not come to its end")
	}
	for _, s := range r.sessions {
		s.Resume()
	}
	upload(1000)
	r.want("all", 0, 0, 0)
	if len(r.lengths) != n+1 || len(r.ends) > 0 {
		t.Errorf("%d of %d messages came, ends %v", len(r.lengths), n+1, r.ends)
	}
}

// TestPausedSessionsEnd: what waits for room goes on when its session, which
// was paused, has ended.
func TestPausedSessionsEnd(t *testing.T) {
	const size, n = 900_000, 10
	r := newReceivers(t, eio.Config{MaxReceiving: 1 << 20, PingInterval: time.Hour})
	var all []*sender
	for i := range n {
		all = append(all, r.post(size))
		r.sessions[i].Pause()
	}
	for range 4 {
		for _, s := range all {
			s.send(300_000)
		}
		r.loops.Advance(20 * time.Millisecond)
	}
	if st := r.ReceivingStats(); st.Waiting == 0 || st.Bytes < 1<<20 {
		t.Fatalf("the bound is not reached: %+v", st)
	}
	for _, s := range r.sessions {
		s.Close(true)
	}
	for range n * 50 {
		r.loops.Advance(20 * time.Millisecond)
	}
	if st := r.ReceivingStats(); st.Waiting > 0 || st.Bytes > 0 {
		t.Errorf("when all have ended: %+v", st)
	}
}

// TestUpgradeOfOneThatWaits: a connection that becomes a WebSocket while it
// waits for room is read again.
func TestUpgradeOfOneThatWaits(t *testing.T) {
	allow := make(chan struct{})
	r := newReceivers(t, eio.Config{MaxReceiving: 1 << 20, PingInterval: time.Hour, AllowRequest: func(q *http.Request) error {
		if q.Header.Get("Cookie") != "" {
			<-allow
		}
		return nil
	}})
	message := eiotest.AppendFrame(nil, 0x80|eiotest.OpBinary, make([]byte, 300_000))
	open := func(more string) *looptest.Conn {
		c := r.loops.Connect(r.Accept)
		head := eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket")
		c.Feed([]byte(strings.TrimSuffix(head, "\r\n") + more + "\r\n"))
		return c
	}
	var first []*looptest.Conn
	for range 2 {
		first = append(first, open(""))
	}
	r.loops.RunUntil(func() bool { return len(r.sessions) == 2 })
	for _, c := range first {
		c.Feed(bytes.Clone(message[:290_000]))
	}
	c := open("Cookie: a=1\r\n")
	const n = 10
	short := eiotest.AppendFrame(nil, 0x80|eiotest.OpBinary, make([]byte, 30_000))
	for range n {
		c.Feed(bytes.Clone(short))
	}
	if r.want("before the upgrade", 3, 1, 0); c.Unread() == 0 {
		t.Fatal("it does not wait")
	}
	close(allow)
	r.loops.RunUntil(func() bool { return len(r.sessions) == 3 })
	for _, c := range first {
		c.PeerClose()
	}
	r.loops.Run()
	if c.Unread() > 0 || len(r.lengths) != n {
		t.Errorf("%d bytes are unread, %d messages came", c.Unread(), len(r.lengths))
	}
}
