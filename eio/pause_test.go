package eio_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
)

// goPost sends a POST whose answer takes its time.
func goPost(t *testing.T, url, body string) <-chan eiotest.Response {
	answer := make(chan eiotest.Response, 1)
	go func() {
		r, err := eiotest.TryDo("POST", url, body)
		if err != nil {
			t.Error(err)
		}
		answer <- r
	}()
	return answer
}

// wantReceived waits for messages, and for nothing else.
func (s *server) wantReceived(t *testing.T, want ...string) {
	t.Helper()
	eiotest.Eventually(t, "the messages have come", func() bool { return len(s.received()) >= len(want) })
	if got := s.received(); !slices.Equal(got, want) {
		t.Fatalf("received %q, want %q", got, want)
	}
}

// TestPausePolling: after a message with which the upper layer has enough the
// rest of the POST waits, and so does its answer.
func TestPausePolling(t *testing.T) {
	for _, end := range []string{"resume", "close", "discard"} {
		t.Run(end, func(t *testing.T) {
			s := start(t, eio.Config{})
			url := s.polling(t)
			session := eiotest.Receive(t, s.opened)
			answer := goPost(t, url, "4a\x1e4full\x1e4b\x1e4full\x1e4c")
			s.wantReceived(t, "a", "full")
			select {
			case r := <-answer:
				t.Fatalf("answered with %+v", r)
			default:
			}
			wantResponse(t, eiotest.Get(t, url), 200, "4a\x1e4full")
			if end != "resume" {
				on(t, session, func() { session.Close(end == "discard") })
				if end == "close" {
					wantResponse(t, eiotest.Get(t, url), 200, "6\x1e1")
				}
				wantResponse(t, eiotest.Receive(t, answer), 200, "ok")
				s.wantClosed(t, eio.ForcedClose)
				s.wantReceived(t, "a", "full")
				return
			}
			on(t, session, session.Resume)
			s.wantReceived(t, "a", "full", "b", "full")
			on(t, session, session.Resume)
			wantResponse(t, eiotest.Receive(t, answer), 200, "ok")
			s.wantReceived(t, "a", "full", "b", "full", "c")
			wantResponse(t, eiotest.Post(t, url, "4alive"), 200, "ok")
		})
	}
}

// TestPauseManyPackets: a POST of many packets is handled in parts, in order.
func TestPauseManyPackets(t *testing.T) {
	s := start(t, eio.Config{})
	url := s.polling(t)
	var packets, want []string
	for i := range 5000 {
		packets = append(packets, fmt.Sprintf("4%d", i))
		want = append(want, fmt.Sprint(i))
	}
	wantResponse(t, eiotest.Post(t, url, strings.Join(packets, "\x1e")), 200, "ok")
	s.wantReceived(t, want...)
}

// TestPauseWebSocket: what the same segment brings waits, the end included.
func TestPauseWebSocket(t *testing.T) {
	s := start(t, eio.Config{})
	c := s.webSocket(t)
	session := eiotest.Receive(t, s.opened)
	c.Text("4a", "4full", "4b", "4c")
	c.WriteFrame(0x80|eiotest.OpClose, nil)
	c.Expect("4a", "4full")
	on(t, session, func() { send(session, "still sent", false) })
	c.Expect("4still sent")
	on(t, session, session.Resume)
	c.Expect("4b", "4c")
	s.wantClosed(t, eio.TransportClose)
	s.wantReceived(t, "a", "full", "b", "c")
}

// TestPauseClosed: a paused WebSocket can be closed by the server, and still
// sees its peer's answer.
func TestPauseClosed(t *testing.T) {
	s := start(t, eio.Config{})
	c := s.webSocket(t)
	session := eiotest.Receive(t, s.opened)
	c.Text("4full", "4a")
	c.Expect("4full")
	on(t, session, func() { session.Close(false) })
	s.wantClosed(t, eio.ForcedClose)
	c.ExpectClose(0)
	c.WriteFrame(0x80|eiotest.OpClose, nil)
	c.ExpectEOF()
	s.wantReceived(t, "full")
}

// TestPauseUpgrade: an upgrade waits for what was posted before it.
func TestPauseUpgrade(t *testing.T) {
	s := start(t, eio.Config{})
	url := s.polling(t)
	session := eiotest.Receive(t, s.opened)
	answer := goPost(t, url, "4a\x1e4full\x1e4b")
	s.wantReceived(t, "a", "full")
	c := eiotest.Dial(t, s.addr, strings.Replace(strings.TrimPrefix(url, "http://"+s.addr), "polling", "websocket", 1))
	c.Text("2probe", "5", "4c")
	on(t, session, session.Resume)
	wantResponse(t, eiotest.Receive(t, answer), 200, "ok")
	c.Expect("3probe", "4a", "4full", "4b", "4c")
	s.wantReceived(t, "a", "full", "b", "c")
}
