package loop

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// sendFrames queues frames for c, on the loop.
func (e *tlsEnds) sendFrames(frames ...string) {
	e.f.loop.PostFunc(func() {
		for _, s := range frames {
			f := NewFrame()
			f.B = append(f.B, s...)
			e.conn.Send(f)
		}
	})
	e.f.turn()
}

// receive has the client read in the background.
func (e *tlsEnds) receive() (all func() string) {
	got := make(chan string, 1)
	go func() {
		b, err := io.ReadAll(e.client)
		if err != nil {
			b = append(b, err.Error()...)
		}
		got <- string(b)
	}()
	return func() string { return wait.For(e.f.t, "the client's end", got) }
}

func connected(t *testing.T, cfg Config, client *tls.Config) (*tlsEnds, *keeper) {
	t.Helper()
	f := newTLSFixture(t, cfg)
	k := &keeper{}
	e := f.connect(testTLS(), client, k.accept)
	if err := e.shake(whole); err != nil {
		t.Fatal(err)
	}
	return e, k
}

// TestKernelTakesSome: the kernel takes a number of bytes at a time. All
// arrives in order, Flushed is called when nothing is left, and close_notify
// follows.
func TestKernelTakesSome(t *testing.T) {
	eachTLSClient(t, func(t *testing.T, client *tls.Config) {
		for _, sizes := range [][]int{{1}, {2, 1, 1}, {100, 200, 300}, {10_000, 1, 40_000, 3}, {16 << 10, 16 << 10}, {200_000}} {
			total := 0
			var frames []string
			for i, n := range sizes {
				frames = append(frames, strings.Repeat(string(rune('a'+i)), n))
				total += n
			}
			for _, step := range []int{max(total/400, 1), 1000, 20_000, 70_000} {
				e, k := connected(t, Config{}, client)
				all := e.receive()
				e.allow(0)
				k.flushed = 0
				e.sendFrames(frames...)
				if e.queued() == 0 {
					t.Fatalf("%v: nothing is queued", sizes)
				}
				for e.queued() > 0 {
					if k.flushed > 0 {
						t.Fatalf("%v by %d: Flushed with %d bytes queued", sizes, step, e.queued())
					}
					e.allow(step)
				}
				e.allow(-1)
				if k.flushed != 1 || e.f.loop.queuedTotal.bytes != 0 {
					t.Errorf("%v by %d: Flushed %d times, %d bytes count", sizes, step, k.flushed, e.f.loop.queuedTotal.bytes)
				}
				e.f.loop.PostFunc(e.conn.Close)
				e.f.turn()
				if got := all(); got != strings.Join(frames, "") {
					t.Fatalf("%v by %d: %d bytes arrived: %.40q", sizes, step, len(got), got)
				}
			}
		}
	})
}

// TestBurstSharesARecord: the frames of a burst are one record.
func TestBurstSharesARecord(t *testing.T) {
	e, _ := connected(t, Config{}, tlsClients["TLS 1.3"]())
	e.mu.Lock()
	e.down = nil
	e.mu.Unlock()
	e.sendFrames(strings.Split(strings.Repeat("frame,", 50), ",")...)
	e.mu.Lock()
	defer e.mu.Unlock()
	if n := recordEnd(e.down); n != len(e.down) || n != recordHead+250+1+16 {
		t.Errorf("%d bytes were sent, the first record has %d", len(e.down), n)
	}
}

// TestShedBehindARecord: messages are dropped only if no part of them is
// encrypted. The record ends within each of them.
func TestShedBehindARecord(t *testing.T) {
	message := func(c byte) string { return strings.Repeat(string(c), 1000) }
	for first := maxRecord - 3; first <= maxRecord; first++ {
		e, _ := connected(t, Config{MaxQueued: 20_000}, tlsClients["TLS 1.3"]())
		all := e.receive()
		e.allow(0)
		e.sendFrames(strings.Repeat("-", first))
		e.f.loop.PostFunc(func() {
			for c := byte('a'); c <= 'z'; c++ {
				e.conn.MakeRoom(1000, 1)
				f := NewFrame()
				f.Group = 1
				f.B = append(f.B, message(c)...)
				e.conn.Send(f)
			}
		})
		e.f.turn()
		e.allow(-1)
		e.f.loop.PostFunc(e.conn.Close)
		e.f.turn()
		got := all()
		if !strings.HasPrefix(got, strings.Repeat("-", first)) || !strings.HasSuffix(got, message('z')) {
			t.Fatalf("first frame of %d: %d bytes arrived, with the end %.20q", first, len(got), got[max(len(got)-20, 0):])
		}
		for rest := got[first:]; rest != ""; rest = rest[1000:] {
			if rest[:1000] != message(rest[0]) {
				t.Fatalf("first frame of %d: a message is cut", first)
			}
		}
	}
}

// TestPeerEnds: close_notify is the peer's end, and what is queued is still
// written.
func TestPeerEnds(t *testing.T) {
	eachTLSClient(t, func(t *testing.T, client *tls.Config) {
		e, k := connected(t, Config{}, client)
		k.data = func(c *Conn, b []byte) {
			f := NewFrame()
			f.B = append(f.B, b...)
			c.Send(f)
		}
		all := e.receive()
		io.WriteString(e.client, "last")
		e.client.CloseWrite()
		e.read(e.take())
		if k.closed != 1 || k.err != io.EOF {
			t.Errorf("closed %d times, %v", k.closed, k.err)
		}
		if got := all(); got != "last" {
			t.Errorf("the client got %q", got)
		}
	})
}

// TestCloseAfterFlushTLS: what is queued arrives, close_notify behind it.
func TestCloseAfterFlushTLS(t *testing.T) {
	e, k := connected(t, Config{}, tlsClients["TLS 1.3"]())
	all := e.receive()
	e.allow(0)
	e.f.loop.PostFunc(func() {
		f := NewFrame()
		f.B = append(f.B, "bye"...)
		e.conn.Send(f)
		e.conn.CloseAfterFlush(wait.Patience)
	})
	e.f.turn()
	for range 30 {
		e.allow(1)
	}
	e.allow(-1)
	if got := all(); got != "bye" || k.closed != 0 {
		t.Errorf("the client got %q; closed %d times", got, k.closed)
	}
	e.client.Close()
	e.read(e.take())
	if k.closed != 1 || k.err != nil {
		t.Errorf("closed %d times, %v", k.closed, k.err)
	}
}

// TestBrokenRecord: a record that was changed ends the connection with an
// alert.
func TestBrokenRecord(t *testing.T) {
	eachTLSClient(t, func(t *testing.T, client *tls.Config) {
		e, k := connected(t, Config{}, client)
		all := e.receive()
		io.WriteString(e.client, "something")
		b := e.take()
		b[len(b)-1] ^= 1
		e.read(b)
		if k.closed != 1 || k.err == nil || k.got.Len() > 0 {
			t.Errorf("closed %d times, %v, after %q", k.closed, k.err, k.got.String())
		}
		if got := all(); !strings.Contains(got, "bad record MAC") {
			t.Errorf("the client got %q", got)
		}
	})
}

// TestGarbage: what is no record ends the connection at once, however it is
// cut.
func TestGarbage(t *testing.T) {
	for _, garbage := range []string{"GET / HTTP/1.1\r\n\r\n", "\x17\x03\x03\xff\xff", "\x17\x03\x03\x48\x01", "\x16\x03\x03\x00\x00", "\x17\x03\x03\x00\x00", "\x17\x02\x00\x00\x01x"} {
		for cut := range garbage {
			e, k := connected(t, Config{}, tlsClients["TLS 1.3"]())
			e.read([]byte(garbage[:cut]))
			e.read([]byte(garbage[cut:]))
			e.read(bytes.Repeat([]byte("x"), 64<<10))
			if k.closed != 1 || k.err == nil || k.err == io.EOF {
				t.Errorf("%q: closed %d times, %v", garbage, k.closed, k.err)
			}
		}
	}
}

// TestPartsAreBounded: of connections that hold incomplete records, the one
// that has waited longest is closed.
func TestPartsAreBounded(t *testing.T) {
	f := newTLSFixture(t, Config{MaxTLSBuffered: 50_000})
	var all []*tlsEnds
	var keepers []*keeper
	for range 6 {
		k := &keeper{}
		e := f.connect(testTLS(), &tls.Config{InsecureSkipVerify: true, DynamicRecordSizingDisabled: true}, k.accept)
		if err := e.shake(whole); err != nil {
			t.Fatal(err)
		}
		e.client.Write(make([]byte, 15_000))
		all, keepers = append(all, e), append(keepers, k)
	}
	for _, e := range all {
		b := e.take()
		e.read(b[:10_000])
	}
	if keepers[0].closed != 1 || !errors.Is(keepers[0].err, errRecordsFull) {
		t.Errorf("the oldest: %v", keepers[0].err)
	}
	for i, k := range keepers[1:] {
		if k.closed > 0 {
			t.Errorf("%d was closed: %v", i+1, k.err)
		}
	}
	if got := f.loop.counters.tlsEvicted.Load(); got != 1 || f.loop.records.bytes != 50_000 {
		t.Errorf("%d evicted, %d bytes held", got, f.loop.records.bytes)
	}
	for _, e := range all {
		e.lose(io.EOF)
	}
	if f.loop.records.bytes != 0 {
		t.Errorf("%d bytes are held by none", f.loop.records.bytes)
	}
}

// TestLeavesWithARecord: what the kernel has not taken of a record leaves with
// the connection, and waits for nothing that is written later.
func TestLeavesWithARecord(t *testing.T) {
	e, _ := connected(t, Config{}, tlsClients["TLS 1.3"]())
	const size, taken = 1000, 100
	begin := len(e.down)
	e.allow(taken)
	e.sendFrames(strings.Repeat("x", size))
	if n := e.queued(); n != 1 {
		t.Fatalf("%d bytes are queued", n)
	}
	left := make(chan Detached, 1)
	e.f.loop.PostFunc(func() { e.conn.Detach(nil, func(d Detached) { left <- d }) })
	e.f.turn()
	n := int(e.down[begin+3])<<8 + int(e.down[begin+4]) + recordHead - taken
	if _, err := io.ReadFull(e.far, make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if d := wait.For(t, "the connection", left); d.Err != nil || len(d.Unsent) > 0 {
		t.Errorf("unsent are %q, %v", d.Unsent, d.Err)
	}
	if e.f.loop.queuedTotal.bytes != 0 {
		t.Error("something is counted")
	}
}
