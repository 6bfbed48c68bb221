//go:build linux

package gnetpoll

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// testParker is a parker over an epoll instance of the test's own, which has a
// pipe in it.
type testParker struct {
	parker
	t    *testing.T
	pipe [2]int
}

func newTestParker(t *testing.T) *testParker {
	b := &testParker{t: t}
	inner, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Pipe2(b.pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.close()
		for _, fd := range []int{inner, b.pipe[0], b.pipe[1]} {
			unix.Close(fd)
		}
	})
	if err := unix.EpollCtl(inner, unix.EPOLL_CTL_ADD, b.pipe[0], &unix.EpollEvent{Events: unix.EPOLLIN}); err != nil {
		t.Fatal(err)
	}
	if err := b.init(b.pipe[0], 1<<16); err != nil || b.inner != inner {
		t.Fatalf("found %d, want %d: %v", b.inner, inner, err)
	}
	return b
}

// begin is parker.begin where nothing else runs.
func (b *testParker) begin() bool {
	b.busyUntil = time.Time{}
	return b.parker.begin()
}

func (b *testParker) write() {
	if _, err := unix.Write(b.pipe[1], []byte{1}); err != nil {
		b.t.Error(err)
	}
}

// parkWhile parks, runs f, and reports whether the parking ended by a Wake.
func (b *testParker) parkWhile(f func()) (woken bool) {
	b.t.Helper()
	if !b.begin() {
		b.t.Fatal("it must not park")
	}
	ended := make(chan bool)
	go func() {
		_, woken := b.park()
		ended <- woken
	}()
	// Mostly it is in its poller by then, but it need not be.
	time.AfterFunc(time.Millisecond, f)
	return wait.For(b.t, "the end of the parking", ended)
}

func TestParkerWakes(t *testing.T) {
	b := newTestParker(t)
	take := func() {
		var one [1]byte
		if n, err := unix.Read(b.pipe[0], one[:]); n != 1 {
			t.Fatal(err)
		}
	}
	for range 3 { // in turn, so that each leaves nothing behind
		if b.parkWhile(b.write) {
			t.Error("woken by an event")
		}
		take()
		if !b.parkWhile(func() { b.mu.Lock(); b.wake(); b.wake(); b.mu.Unlock() }) {
			t.Error("not woken")
		}
		if b.parkWhile(b.inhibit) {
			t.Error("woken by inhibit")
		}
		if b.begin() {
			t.Error("it parks although it is inhibited")
		}
		b.allow()
		b.skip, b.immediate = 0, 0 // of an event that came early
	}
}

// When there are events all the time it parks once in 33 times, and as before
// when there are none.
func TestParkerBacksOffWhenBusy(t *testing.T) {
	b := newTestParker(t)
	b.write()
	parked := 0
	for range 320 {
		if b.begin() {
			parked++
			b.park()
			if b.slept {
				t.Fatal("it has missed an event")
			}
		}
	}
	if parked < 10 || parked > 20 {
		t.Errorf("parked %d times of 320", parked)
	}
	var one [1]byte
	if _, err := unix.Read(b.pipe[0], one[:]); err != nil {
		t.Fatal(err)
	}
	for !b.begin() {
	}
	time.AfterFunc(time.Millisecond, func() { b.mu.Lock(); b.wake(); b.mu.Unlock() })
	if _, woken := b.park(); !woken || b.immediate != 0 || !b.begin() {
		t.Error("it does not park again at once")
	}
}

// A loop that had to wait for the processor does not park for a while. Another
// goroutine keeps the only processor whenever it gets it, mostly for its time
// slice of 10 ms; the runtime may take it away sooner, so it is tried again.
func TestParkerStopsWhenProcessorsAreBusy(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	b := newTestParker(t)
	var noticed atomic.Bool
	over := make(chan struct{})
	go func() {
		defer close(over)
		for !noticed.Load() {
		}
	}()
	for range 100 {
		if !b.parker.begin() {
			noticed.Store(true)
			break
		}
		b.mu.Lock()
		b.wake()
		b.mu.Unlock()
		b.park()
	}
	if !noticed.Swap(true) {
		t.Error("it parks again and again")
	}
	<-over
	b.busyUntil = past
	if !b.parker.begin() {
		t.Error("it never parks again")
	}
}
