package eio_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
)

// TestHandshakesHaveATotal has peers with large heads open sessions until they
// are refused: as much is kept as the limit says, peers that bring little are
// let in, and all is let go of with the sessions.
func TestHandshakesHaveATotal(t *testing.T) {
	const limit = 256 << 10
	s := start(t, eio.Config{MaxHandshakeBytes: limit})
	c := eiotest.DialTCP(t, s.addr)
	open := func(size int) int {
		c.WriteString("GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", size) + "\r\n\r\n")
		return c.ReadResponse().Status
	}
	const large = 15 << 10
	opened := 0
	for open(large) == 200 {
		if opened++; opened*large > limit {
			t.Fatal("more is kept than the limit")
		}
	}
	if opened < 10 {
		t.Errorf("%d sessions were opened", opened)
	}
	if status := open(5 << 10); status != 200 {
		t.Errorf("a session with 5 KiB: %d", status)
	}
	st := s.HandshakeStats()
	if most := int64(limit); st.Refused != 1 || st.Bytes > most || st.Bytes < int64(opened*large) {
		t.Errorf("%+v, %d sessions are open", st, opened)
	}
	w := eiotest.DialTCP(t, s.addr)
	w.WriteString(strings.Replace(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket"),
		"\r\n\r\n", "\r\nX: "+strings.Repeat("x", 12<<10)+"\r\n\r\n", 1))
	if r := w.ReadResponse(); r.Status != 101 {
		t.Errorf("%+v", r)
	}
	for range 20 {
		if status := open(3 << 10); status != 200 {
			t.Fatalf("a session with 3 KiB: %d", status)
		}
	}
	s.Close()
	eiotest.Eventually(t, "nothing is kept", func() bool { return s.HandshakeStats().Bytes == 0 })
	if _, err := eio.NewServer(eio.Config{MaxHandshakeBytes: -1}, &echo{}); err == nil ||
		!strings.HasPrefix(fmt.Sprint(err), "eio: Config.MaxHandshakeBytes is -1") {
		t.Error(err)
	}
}
