package goroutine

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// testOwner owns a stream and acts as its loop.
type testOwner struct {
	Stream
	t        *testing.T
	all      sync.WaitGroup // the stream's goroutines
	group    Group
	readable chan struct{}
	writable chan uint32
	failed   chan struct{}
}

// newOwner makes nc a stream that reads.
func newOwner(t *testing.T, nc net.Conn) *testOwner {
	o := &testOwner{
		t: t, readable: make(chan struct{}, 1), writable: make(chan uint32, 1), failed: make(chan struct{}, 1),
	}
	o.group = Group{All: &o.all, Written: func() {}}
	o.Init(nc, o)
	o.Start()
	return o
}

func (o *testOwner) Readable() bool         { o.readable <- struct{}{}; return true }
func (o *testOwner) Writable(notice uint32) { o.writable <- notice }
func (o *testOwner) Group() *Group          { return &o.group }
func (o *testOwner) Panicked(string, any)   {}
func (o *testOwner) Failed() {
	select {
	case o.failed <- struct{}{}:
	default:
	}
}

// next returns a copy of the next chunk, or the end.
func (o *testOwner) next() (string, error) {
	o.t.Helper()
	wait.For(o.t, "a chunk", o.readable)
	defer o.Taken()
	b, err := o.Chunk()
	return string(b), err
}

func (o *testOwner) send(s string) int {
	o.t.Helper()
	n, err := o.Send(-1, []byte(s))
	if err != nil {
		o.t.Fatal(err)
	}
	return n
}

// ends closes the stream and waits for its goroutines.
func (o *testOwner) ends() {
	o.t.Helper()
	o.Close(nil)
	o.wantNoGoroutines()
}

func (o *testOwner) wantNoGoroutines() {
	o.t.Helper()
	gone := make(chan struct{})
	go func() { o.all.Wait(); close(gone) }()
	wait.For(o.t, "the end of the goroutines", gone)
}

// tcp returns the ends of a connection over loopback.
func tcp(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	client.SetDeadline(time.Now().Add(wait.Patience))
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return server.(*net.TCPConn), client.(*net.TCPConn)
}

// pipe returns the ends of a connection in memory, which is not Plain.
func pipe(t *testing.T) (near, far net.Conn) {
	near, far = net.Pipe()
	t.Cleanup(func() { far.Close() })
	far.SetDeadline(time.Now().Add(wait.Patience))
	return near, far
}

// pattern returns n bytes, the same as those before only every 251.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}

// TestChunksAreNotReadAhead pauses in the only way that there is: the owner
// does not take its chunk. Meanwhile nothing is read, and nothing is lost.
func TestChunksAreNotReadAhead(t *testing.T) {
	near, far := pipe(t)
	o := newOwner(t, near)
	want := pattern(10 * busyChunk)
	written := make(chan error, 1)
	go func() {
		_, err := far.Write(want)
		written <- err
	}()
	var got []byte
	for len(got) < len(want) {
		wait.For(t, "a chunk", o.readable)
		if err := o.Pause(nil); err != nil {
			t.Fatal(err)
		}
		b, err := o.Chunk()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b...)
		if len(b) > busyChunk {
			t.Fatalf("a chunk has %d bytes", len(b))
		}
		if len(got) < len(want) {
			select {
			case err := <-written:
				t.Fatalf("all is read when %d of %d bytes are delivered: %v", len(got), len(want), err)
			case <-o.readable:
				t.Fatal("another chunk was read before the last was taken")
			default:
			}
		}
		o.Taken()
	}
	if err := wait.For(t, "the write", written); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v, equal %t", err, bytes.Equal(got, want))
	}
	o.ends()
}

// TestSendIsBounded has a peer that reads nothing: the stream takes what is
// being written and one buffer, and gives notice when there is room.
func TestSendIsBounded(t *testing.T) {
	near, far := pipe(t)
	o := newOwner(t, near)
	want := pattern(10 * writeBuffer)
	sent := 0
	wait.Until(t, "two buffers are full", func() bool {
		n := o.send(string(want[sent:]))
		sent += n
		return sent == 2*writeBuffer
	})
	for range 100 {
		if n := o.send(string(want[sent:])); n != 0 {
			t.Fatalf("%d bytes more were taken", n)
		}
	}
	if n, err := o.Sendv(-1, [][]byte{want[sent : sent+10], want[sent+10:]}); n != 0 || err != nil {
		t.Fatalf("%d bytes more were taken, %v", n, err)
	}
	got := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(io.LimitReader(far, int64(len(want))))
		got <- b
	}()
	for notice := uint32(1); sent < len(want); notice++ {
		if err := o.Watch(-1, notice, notice > 1); err != nil {
			t.Fatal(err)
		}
		if n := wait.For(t, "a notice", o.writable); n != notice {
			t.Fatalf("notice %d, want %d", n, notice)
		}
		sent += o.send(string(want[sent:]))
	}
	if b := wait.For(t, "what was sent", got); !bytes.Equal(b, want) {
		t.Errorf("the peer has got %d bytes, want %d in order", len(b), len(want))
	}
	o.ends()
}

func TestUnwatchCancelsTheNotice(t *testing.T) {
	near, far := pipe(t)
	o := newOwner(t, near)
	o.send("a")
	wait.Until(t, "it is being written", func() bool {
		o.Lock()
		defer o.Unlock()
		return o.out == nil
	})
	o.send("b")
	if err := o.Watch(-1, 7, false); err != nil {
		t.Fatal(err)
	}
	o.Unwatch(-1)
	if _, err := io.ReadFull(far, make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
	o.ends()
	select {
	case n := <-o.writable:
		t.Errorf("notice %d has come", n)
	default:
	}
}

func TestCloseWriteEndsTheSendingHalf(t *testing.T) {
	near, far := tcp(t)
	o := newOwner(t, near)
	o.send("bye")
	if err := o.CloseWrite(-1); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(far); err != nil || string(b) != "bye" {
		t.Fatalf("the peer gets %q, %v", b, err)
	}
	if _, err := far.Write([]byte("late")); err != nil {
		t.Fatal(err)
	}
	if s, err := o.next(); err != nil || s != "late" {
		t.Errorf("the other half gives %q, %v", s, err)
	}
	far.Close()
	if _, err := o.next(); err != io.EOF {
		t.Errorf("the end is %v", err)
	}
	o.ends()
}

// TestCloseWriteWithoutHalves closes a connection that can't end one half.
func TestCloseWriteWithoutHalves(t *testing.T) {
	near, far := pipe(t)
	o := newOwner(t, near)
	o.send("bye")
	if err := o.CloseWrite(-1); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(far); err != nil || string(b) != "bye" {
		t.Fatalf("the peer gets %q, %v", b, err)
	}
	if _, err := far.Write([]byte("late")); err == nil {
		t.Error("the connection is open")
	}
	if _, err := o.next(); err == nil {
		t.Error("reading goes on")
	}
	o.ends()
}

func TestHalfClosedPeerGetsWhatIsSent(t *testing.T) {
	near, far := tcp(t)
	o := newOwner(t, near)
	if err := far.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := o.next(); err != io.EOF {
		t.Fatalf("the end is %v", err)
	}
	o.send("late")
	o.ends()
	if b, err := io.ReadAll(far); err != nil || string(b) != "late" {
		t.Errorf("the peer gets %q, %v", b, err)
	}
}

func TestResetEndsBothDirections(t *testing.T) {
	near, far := tcp(t)
	o := newOwner(t, near)
	if err := far.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	far.Close()
	if _, err := o.next(); err == nil || err == io.EOF {
		t.Errorf("reading ends with %v", err)
	}
	o.send("x")
	wait.For(t, "the failure", o.failed)
	o.Lock()
	err := o.Err()
	o.Unlock()
	if err == nil {
		t.Error("writing has not failed")
	}
	if _, again := o.Send(-1, []byte("y")); again != err {
		t.Errorf("Send fails with %v, want %v", again, err)
	}
	if again := o.CloseWrite(-1); again != err {
		t.Errorf("CloseWrite fails with %v, want %v", again, err)
	}
	o.ends()
}

// TestCloseEndsTheGoroutines closes streams in each state: both goroutines end,
// what can be written is, and the connection is closed.
func TestCloseEndsTheGoroutines(t *testing.T) {
	for _, tc := range []struct {
		name    string
		prepare func(t *testing.T, o *testOwner, far net.Conn)
		want    string // what the peer gets, if it reads
	}{
		{"while idle", func(*testing.T, *testOwner, net.Conn) {}, ""},
		{"after a send", func(_ *testing.T, o *testOwner, _ net.Conn) { o.send("last words") }, "last words"},
		{"with a chunk that is not taken", func(t *testing.T, o *testOwner, far net.Conn) {
			if _, err := far.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			wait.For(t, "a chunk", o.readable)
			o.Close(nil)
			o.Drop()
		}, ""},
		{"after the peer's end", func(t *testing.T, o *testOwner, far net.Conn) {
			if err := far.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if _, err := o.next(); err != io.EOF {
				t.Fatal(err)
			}
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			near, far := tcp(t)
			o := newOwner(t, near)
			tc.prepare(t, o, far)
			o.ends()
			if b, err := io.ReadAll(far); err != nil || string(b) != tc.want {
				t.Errorf("the peer gets %q, %v, want %q", b, err, tc.want)
			}
			if _, err := near.Write(nil); !errors.Is(err, net.ErrClosed) {
				t.Errorf("the connection is not closed: %v", err)
			}
		})
	}
	t.Run("with a peer that does not read", func(t *testing.T) {
		near, _ := pipe(t)
		o := newOwner(t, near)
		o.send("never read")
		o.ends() // by closeTimeout
		if _, err := near.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the connection is not closed: %v", err)
		}
	})
}

// TestReleaseKeepsEveryByte takes the net.Conn out of a stream that has a chunk
// and bytes that are not written.
func TestReleaseKeepsEveryByte(t *testing.T) {
	near, far := tcp(t)
	for _, set := range []func(int) error{near.SetWriteBuffer, far.SetReadBuffer} {
		if err := set(4096); err != nil {
			t.Fatal(err)
		}
	}
	o := newOwner(t, near)
	if _, err := far.Write([]byte("unread")); err != nil {
		t.Fatal(err)
	}
	wait.For(t, "a chunk", o.readable)
	o.Held = true
	down := pattern(1 << 20)
	sent := 0
	wait.Until(t, "the buffers are full", func() bool {
		n := o.send(string(down[sent:]))
		sent += n
		return n == 0 && sent > writeBuffer
	})
	released := make(chan Released, 1)
	o.Release(func(r Released) { released <- r })
	r := wait.For(t, "the connection", released)
	o.wantNoGoroutines()
	if r.Err != nil || r.Conn != net.Conn(near) || string(r.Unread) != "unread" || len(r.Unsent) == 0 {
		t.Fatalf("err %v, unread %q, %d bytes unsent", r.Err, r.Unread, len(r.Unsent))
	}
	go func() {
		r.Conn.Write(r.Unsent)
		r.Conn.(*net.TCPConn).CloseWrite()
	}()
	if got, err := io.ReadAll(far); err != nil || !bytes.Equal(got, down[:sent]) {
		t.Errorf("the peer gets %d of %d bytes, in order %t, %v", len(got), sent, bytes.HasPrefix(down, got), err)
	}
	if _, err := far.Write([]byte("more")); err != nil {
		t.Fatal(err)
	}
	far.CloseWrite()
	if b, err := io.ReadAll(r.Conn); err != nil || string(b) != "more" {
		t.Errorf("after the release %q follows, %v", b, err)
	}
	r.Conn.Close()
}
