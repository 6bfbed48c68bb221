package eio_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest"
)

// collector is an upper layer that counts what it gets.
type collector struct {
	admits   bool
	sessions []*eio.Session
	lengths  []int
	ends     []error
}

func (u *collector) NewSession() *eio.Session { return new(eio.Session) }
func (u *collector) Opened(s *eio.Session) {
	u.sessions = append(u.sessions, s)
	if u.admits {
		s.Admit()
	}
}
func (u *collector) Message(s *eio.Session, data []byte, _ bool) {
	u.lengths = append(u.lengths, len(data))
	if string(data) == "full" {
		s.Pause()
	}
}
func (u *collector) Closed(_ *eio.Session, _ eio.Reason, err error) { u.ends = append(u.ends, err) }

// receivers is a server on an in-memory loop whose connections send in pieces.
type receivers struct {
	*collector
	*eio.Server
	t     *testing.T
	loops *looptest.Loops
	// frames are messages by their sizes.
	frames map[int][]byte
}

func newReceivers(t *testing.T, cfg eio.Config) *receivers {
	t.Helper()
	u := &collector{admits: true}
	cfg.Loops, cfg.Logger = 1, slog.New(slog.DiscardHandler)
	srv, err := eio.NewServer(cfg, u)
	if err != nil {
		t.Fatal(err)
	}
	return &receivers{u, srv, t, looptest.New(t), make(map[int][]byte)}
}

// sender is a peer that has a message to send.
type sender struct {
	*looptest.Conn
	r    *receivers
	left []byte
}

// webSocket opens a session whose peer is going to send a message of size
// bytes.
func (r *receivers) webSocket(size int) *sender {
	c := r.loops.Connect(r.Accept)
	c.Feed([]byte(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket")))
	r.loops.Run()
	c.Sent()
	if r.frames[size] == nil {
		r.frames[size] = eiotest.AppendFrame(nil, 0x80|eiotest.OpBinary, make([]byte, size))
	}
	return &sender{c, r, r.frames[size]}
}

// post opens a session over polling whose peer is going to post a message of
// size bytes.
func (r *receivers) post(size int) *sender {
	c := r.loops.Connect(r.Accept)
	c.Feed([]byte("GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n"))
	r.loops.Run()
	c.Sent()
	return &sender{c, r, postOf(r.sessions[len(r.sessions)-1], size)}
}

// postOf is a POST with a message of size bytes.
func postOf(s *eio.Session, size int) []byte {
	return fmt.Appendf(nil, "POST /engine.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n4%s",
		s.ID(), size+1, strings.Repeat("x", size))
}

// send sends n more bytes, in reads of 64 KiB. What is paused is sent later.
func (s *sender) send(n int) {
	n = min(n, len(s.left))
	for n > 0 {
		piece := s.left[:min(n, 64<<10)]
		s.left, n = s.left[len(piece):], n-len(piece)
		s.Feed(bytes.Clone(piece))
		s.r.loops.Run()
	}
}

func (s *sender) waits() bool { return s.Unread() > 0 }

func (r *receivers) want(when string, connections, waiting int, closed uint64) {
	r.t.Helper()
	r.loops.Run()
	if st := r.ReceivingStats(); st.Connections != connections || st.Waiting != waiting || st.Closed != closed {
		r.t.Fatalf("%s: %+v; want %d connections, %d waiting, %d closed", when, st, connections, waiting, closed)
	}
}

// TestReceivingIsFair: when there is too much in all, holders of more than a
// fair part wait, those of less are read, and one at a time is read whatever it
// holds. Nothing is lost.
func TestReceivingIsFair(t *testing.T) {
	for name, open := range map[string]func(r *receivers, size int) *sender{
		"websocket": (*receivers).webSocket, "polling": (*receivers).post,
	} {
		t.Run(name, func(t *testing.T) {
			const size = 900_000
			r := newReceivers(t, eio.Config{MaxReceiving: 2 << 20})
			first, second := open(r, size), open(r, size)
			first.send(600_000)
			r.want("below the half", 1, 0, 0)
			second.send(550_000) // has the turn
			first.send(150_000)
			r.want("both hold much", 2, 1, 0)
			if !first.waits() || second.waits() {
				t.Fatalf("waiting: %d and %d bytes", first.Unread(), second.Unread())
			}
			small := open(r, 200_000)
			small.send(100_000)
			r.want("a small one", 3, 1, 0)
			small.send(200_000)
			if len(r.lengths) != 1 || r.lengths[0] != 200_000 {
				t.Fatalf("got messages of %d", r.lengths)
			}
			second.send(size)
			r.want("the second is complete", 1, 0, 0)
			if first.waits() {
				t.Error("the first waits though there is room")
			}
			first.send(size)
			r.want("all are complete", 0, 0, 0)
			if len(r.lengths) != 3 || r.lengths[1] != size || r.lengths[2] != size || len(r.ends) > 0 {
				t.Errorf("got messages of %d, ends %v", r.lengths, r.ends)
			}
			if st := r.ReceivingStats(); st.Bytes != 0 || st.Waits == 0 {
				t.Errorf("in the end: %+v", st)
			}
		})
	}
}

// TestReceivingComesToAnEnd: with room for nothing each message comes to its
// end all the same, however many there are.
func TestReceivingComesToAnEnd(t *testing.T) {
	const size, n = 500_000, 20
	r := newReceivers(t, eio.Config{MaxReceiving: 1})
	alone := r.webSocket(size)
	alone.send(size)
	alone.send(size)
	r.want("alone", 0, 0, 0)
	if len(r.lengths) != 1 {
		t.Fatal("one alone has not come to its end")
	}
	var all []*sender
	for i := range n {
		s := (map[bool]func(int) *sender{true: r.webSocket, false: r.post})[i%2 == 0](size)
		s.send(10_000)
		all = append(all, s)
	}
	for _, s := range all {
		s.send(2 * size)
	}
	for range n * 30 {
		r.loops.Advance(20 * time.Millisecond)
	}
	r.want("all", 0, 0, 0)
	if len(r.lengths) != n+1 || len(r.ends) > 0 {
		t.Errorf("%d of %d messages came, ends %v", len(r.lengths)-1, n, r.ends)
	}
}

// TestStalledHoldersGoWhileOthersWait: peers that don't send the rest can't
// keep others out for longer than RequestTimeout, and stay as long as none
// waits.
func TestStalledHoldersGoWhileOthersWait(t *testing.T) {
	r := newReceivers(t, eio.Config{MaxReceiving: 2 << 20, PingInterval: time.Hour})
	for range 3 {
		r.webSocket(900_000).send(300_000)
	}
	r.loops.Advance(time.Minute)
	before := r.ReceivingStats()
	if before.Connections != 3 || before.Closed != 0 {
		t.Fatalf("nobody is hindered: %+v", before)
	}
	honest := []*sender{r.webSocket(900_000), r.webSocket(900_000)}
	for range 100 {
		for _, s := range honest {
			if !s.waits() {
				s.send(64 << 10)
			}
		}
		r.loops.Advance(20 * time.Millisecond)
	}
	if len(r.lengths) != 2 {
		t.Errorf("%d of 2 messages came", len(r.lengths))
	}
	st := r.ReceivingStats()
	if st.Closed == 0 || st.Closed > 3 || st.Bytes > 1<<20 || len(r.ends) != int(st.Closed) {
		t.Errorf("in the end: %+v", st)
	}
	for _, err := range r.ends {
		if !errors.Is(err, eio.ErrReceiving) {
			t.Errorf("closed with %v", err)
		}
	}
}

// TestHandlersThatTakeTimeAreNotHeldAgainstThePeer: what is left of a POST
// because the upper layer has enough stays, however long that takes and
// whatever waits.
func TestHandlersThatTakeTimeAreNotHeldAgainstThePeer(t *testing.T) {
	const slow, size = 2, 450_000
	r := newReceivers(t, eio.Config{MaxReceiving: 2 << 20, PingInterval: time.Hour})
	for range slow {
		s := r.post(size)
		s.left = bytes.Replace(s.left, []byte("\r\n\r\n4xxxxxx"), []byte("\r\n\r\n4full\x1e4"), 1)
		s.send(2 * size)
	}
	if len(r.lengths) != slow {
		t.Fatalf("%d messages came, want the first one of each", len(r.lengths))
	}
	for range 5 { // these do not come to their end
		r.webSocket(900_000).send(400_000)
	}
	r.loops.Advance(5 * time.Minute)
	honest := r.webSocket(900_000)
	for range 100 {
		if !honest.waits() {
			honest.send(64 << 10)
		}
		r.loops.Advance(20 * time.Millisecond)
	}
	if st := r.ReceivingStats(); st.Closed == 0 {
		t.Errorf("none was closed that does not come to its end: %+v", st)
	}
	for i, s := range r.sessions[:slow] {
		if s.State() != eio.StateOpen {
			t.Errorf("slow session %d is %v", i, s.State())
		}
		s.Resume()
		r.loops.Run()
	}
	if len(r.lengths) != 2*slow+1 {
		t.Errorf("%d messages came in the end", len(r.lengths))
	}
}

// TestTheBoundHoldsAgainstUnfinishedMessages: connections that send all but the
// end of a message stay within the bound, one message and a read of each,
// though each has the turn at some time.
func TestTheBoundHoldsAgainstUnfinishedMessages(t *testing.T) {
	const limit, size, n = 4 << 20, 900_000, 60
	r := newReceivers(t, eio.Config{MaxReceiving: limit, PingInterval: time.Hour})
	var all []*sender
	for range n {
		s := r.webSocket(size)
		s.send(size - 100)
		all = append(all, s)
	}
	peak, honest := 0, r.webSocket(size)
	honest.send(2 * size)
	for range 50 * 60 {
		r.loops.Advance(20 * time.Millisecond)
		peak = max(peak, r.ReceivingStats().Bytes)
	}
	if most := limit + size + n*64<<10; peak > most {
		t.Errorf("%d bytes were held at the peak, want at most %d", peak, most)
	}
	if len(r.lengths) != 1 {
		t.Errorf("%d messages have come to their end, %+v", len(r.lengths), r.ReceivingStats())
	}
	for _, s := range all {
		s.PeerClose()
	}
	r.loops.Run()
	if st := r.ReceivingStats(); st.Bytes != 0 || st.Connections != 0 || st.Waiting != 0 {
		t.Errorf("when all have gone: %+v", st)
	}
}

// TestStrangersGoFirst: at the bound sessions that the upper layer has not
// admitted are closed, and admitted ones are not.
func TestStrangersGoFirst(t *testing.T) {
	r := newReceivers(t, eio.Config{MaxReceiving: 2 << 20})
	known := r.webSocket(900_000)
	known.send(200_000)
	r.admits = false
	const strangers = 100
	peak := 0
	for range strangers {
		r.webSocket(900_000).send(64 << 10)
		r.loops.Advance(2 * time.Millisecond)
		peak = max(peak, r.ReceivingStats().Bytes)
	}
	if peak > 2<<20+128<<10 {
		t.Errorf("%d bytes were held at the peak", peak)
	}
	if st := r.ReceivingStats(); st.Closed == 0 || len(r.ends) != int(st.Closed) {
		t.Errorf("%d sessions ended, %+v", len(r.ends), st)
	}
	for i := range 100 {
		known.send(64 << 10)
		r.loops.Advance(20 * time.Millisecond)
		if len(r.lengths) > 0 {
			break
		}
		if i == 99 {
			t.Error("the admitted session's message has not come to its end")
		}
	}
}

// TestWaitingIsNotHeldAgainstThePeer: neither heartbeats nor RequestTimeout
// count while a peer is not read.
func TestWaitingIsNotHeldAgainstThePeer(t *testing.T) {
	for name, open := range map[string]func(r *receivers, size int) *sender{
		"websocket": (*receivers).webSocket, "polling": (*receivers).post,
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceivers(t, eio.Config{MaxReceiving: 1 << 20, RequestTimeout: 2 * time.Second,
				PingInterval: 50 * time.Millisecond, PingTimeout: 50 * time.Millisecond})
			s := open(r, 900_000)
			s.send(200_000)
			for range 20 { // they have the turn one after the other, and answer no ping
				r.webSocket(900_000).send(100_000)
			}
			s.send(900_000)
			if !s.waits() {
				t.Fatal("it does not wait")
			}
			get, took := r.loops.Connect(r.Accept), time.Duration(0)
			for ; len(r.lengths) == 0 && len(r.ends) < 21; took += time.Millisecond {
				if name == "polling" && (took == 0 || len(get.Sent()) > 0) {
					get.Feed([]byte("GET /engine.io/?EIO=4&transport=polling&sid=" + r.sessions[0].ID() + " HTTP/1.1\r\nHost: a\r\n\r\n"))
				}
				r.loops.Advance(time.Millisecond)
			}
			if len(r.lengths) != 1 || took < 150*time.Millisecond {
				t.Errorf("got %d messages after %v, ends %v", len(r.lengths), took, r.ends)
			}
		})
	}
}

// TestRequestTimeoutStopsWhileWaiting: a body that is not read takes no time.
func TestRequestTimeoutStopsWhileWaiting(t *testing.T) {
	r := newReceivers(t, eio.Config{MaxReceiving: 1 << 20, RequestTimeout: 30 * time.Millisecond, PingInterval: time.Hour})
	s := r.post(900_000)
	s.send(200_000)
	for range 20 {
		r.webSocket(900_000).send(100_000)
	}
	s.send(900_000)
	for range 2000 {
		r.loops.Advance(time.Millisecond)
	}
	if len(r.lengths) != 1 || strings.Contains(string(s.Sent()), " 408 ") {
		t.Errorf("got %d messages, ends %v", len(r.lengths), r.ends)
	}
}

// TestHeldByTheUpperLayer: what the upper layer keeps of an unfinished whole
// counts.
func TestHeldByTheUpperLayer(t *testing.T) {
	r := newReceivers(t, eio.Config{MaxReceiving: 1 << 20})
	a, b := r.webSocket(1000), r.webSocket(1000)
	first, second := r.sessions[0], r.sessions[1]
	first.SetHeld(4095)
	r.want("little", 0, 0, 0)
	first.SetHeld(300_000)
	second.SetHeld(400_000)
	first.SetHeld(400_000)
	r.want("much", 2, 1, 0)
	a.send(2000)
	if !a.waits() || b.waits() || first.Paused() {
		t.Errorf("waiting: %d and %d bytes, paused %v", a.Unread(), b.Unread(), first.Paused())
	}
	second.SetHeld(0)
	r.want("one has finished", 1, 0, 0)
	if a.waits() || len(r.lengths) != 1 {
		t.Errorf("%d bytes wait, %d messages came", a.Unread(), len(r.lengths))
	}
	first.Close(true)
	r.want("closed", 0, 0, 0)
	// A pause of the upper layer's own and one for room are two.
	c := r.webSocket(1000)
	third, fourth := r.sessions[2], second
	fourth.SetHeld(600_000)
	third.Pause()
	third.SetHeld(600_000)
	c.send(2000)
	fourth.SetHeld(0)
	r.loops.Run()
	if !c.waits() || !third.Paused() {
		t.Error("it does not wait for the upper layer")
	}
	third.Resume()
	r.loops.Run()
	if c.waits() || third.Paused() {
		t.Error("it still waits")
	}
}

// TestProbesHoldLittle: a probe has no long packets to send.
func TestProbesHoldLittle(t *testing.T) {
	r := newReceivers(t, eio.Config{})
	r.post(10)
	c := r.loops.Connect(r.Accept)
	c.Feed([]byte(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket&sid=" + r.sessions[0].ID())))
	r.loops.Run()
	(&sender{c, r, eiotest.AppendFrame(nil, 0x80|eiotest.OpBinary, make([]byte, 100_000))}).send(50_000)
	if !c.SentEOF() || len(r.ends) != 0 {
		t.Errorf("the probe's end %v, sessions' ends %v", c.SentEOF(), r.ends)
	}
	r.want("closed", 0, 0, 0)
}

// TestRequestsAreReceivedToo: requests of others than the engine, and what
// waits at a gate, are counted; at the bound they get an answer.
func TestRequestsAreReceivedToo(t *testing.T) {
	r := newReceivers(t, eio.Config{MaxReceiving: 1 << 20})
	var all []*looptest.Conn
	for range 30 {
		c := r.loops.Connect(r.Accept)
		c.Feed([]byte("POST /elsewhere HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n"))
		c.Feed(make([]byte, 60_000))
		all = append(all, c)
		r.loops.Advance(2 * time.Millisecond)
	}
	refused := 0
	for _, c := range all {
		if sent := string(c.Sent()); strings.HasPrefix(sent, "HTTP/1.1 503") {
			refused++
		}
	}
	if st := r.ReceivingStats(); refused == 0 || int(st.Closed) != refused || st.Connections != 30-refused || st.Bytes > 1<<20 {
		t.Errorf("%d were refused, %+v", refused, st)
	}
	for _, c := range all {
		c.PeerClose()
	}
	r.loops.Run()
	if st := r.ReceivingStats(); st.Bytes != 0 || st.Connections != 0 || st.Waiting != 0 {
		t.Errorf("when all have gone: %+v", st)
	}
}
