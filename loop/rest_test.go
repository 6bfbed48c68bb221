package loop

import (
	"context"
	"io"
	"log/slog"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// bed is a rest over an epoll instance of the test's own, which has a pipe in it.
type bed struct {
	rest
	t    *testing.T
	pipe [2]int
}

func newBed(t *testing.T) *bed {
	b := &bed{t: t}
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

// begin is what it is where nothing else runs.
func (b *bed) begin() bool {
	b.crowded = time.Time{}
	return b.rest.begin()
}

func (b *bed) write() {
	if _, err := unix.Write(b.pipe[1], []byte{1}); err != nil {
		b.t.Error(err)
	}
}

// sleeping waits until the rest is in its poller, where nothing but an event or a
// wake-up ends it.
func (b *bed) sleeping(f func()) (woken bool) {
	b.t.Helper()
	if !b.begin() {
		b.t.Fatal("it may not rest")
	}
	ended := make(chan bool)
	go func() {
		_, woken := b.sleep()
		ended <- woken
	}()
	time.AfterFunc(time.Millisecond, f) // mostly when it sleeps; it must not matter
	select {
	case woken = <-ended:
		return woken
	case <-time.After(10 * time.Second):
		b.t.Fatal("it does not wake up")
		return false
	}
}

func TestRest(t *testing.T) {
	b := newBed(t)
	take := func() {
		var one [1]byte
		if n, err := unix.Read(b.pipe[0], one[:]); n != 1 {
			t.Fatal(err)
		}
	}
	for range 3 { // all in turn, so that nothing stays behind of any
		if b.sleeping(b.write) {
			t.Error("woken by an event")
		}
		take()
		if !b.sleeping(func() { b.mu.Lock(); b.wake(); b.wake(); b.mu.Unlock() }) {
			t.Error("not woken")
		}
		if b.sleeping(b.visit) {
			t.Error("woken by a visit")
		}
		if b.begin() {
			t.Error("it rests in spite of a visit")
		}
		b.leave()
		b.pass, b.vain = 0, 0 // of an event that came early
	}
}

// TestRestAsksSeldomWhenBusy: when there are events all the time it asks once in 33
// times, and as before when there are none.
func TestRestAsksSeldomWhenBusy(t *testing.T) {
	b := newBed(t)
	b.write()
	asked := 0
	for range 320 {
		if b.begin() {
			asked++
			b.sleep()
			if b.slept {
				t.Fatal("it has slept over an event")
			}
		}
	}
	if asked < 10 || asked > 20 {
		t.Errorf("asked %d times of 320", asked)
	}
	var one [1]byte
	if _, err := unix.Read(b.pipe[0], one[:]); err != nil {
		t.Fatal(err)
	}
	for !b.begin() {
	}
	time.AfterFunc(time.Millisecond, func() { b.mu.Lock(); b.wake(); b.mu.Unlock() })
	if _, woken := b.sleep(); !woken || b.vain != 0 || !b.begin() {
		t.Error("it does not rest again at once")
	}
}

// TestRestNotInACrowd: a loop that has had to wait for the processor does not rest
// for a while. Another goroutine keeps the only processor whenever it gets it, as a
// rule for its time slice of 10 ms; the runtime may take it away sooner, so it is
// tried again.
func TestRestNotInACrowd(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	b := newBed(t)
	var noticed atomic.Bool
	over := make(chan struct{})
	go func() {
		defer close(over)
		for !noticed.Load() {
		}
	}()
	for range 100 {
		if !b.rest.begin() {
			noticed.Store(true)
			break
		}
		b.mu.Lock()
		b.wake()
		b.mu.Unlock()
		b.sleep()
	}
	if !noticed.Swap(true) {
		t.Error("it rests again and again")
	}
	<-over
	b.crowded = past
	if !b.rest.begin() {
		t.Error("it never rests again")
	}
}

// TestLoopRests: whatever an idle loop is wanted for, it wakes up, and then rests
// again.
func TestLoopRests(t *testing.T) {
	e, err := Listen(Config{Addr: "127.0.0.1:0", Loops: 2, Logger: slog.New(slog.DiscardHandler)}, func(*Conn) Handler { return back{} })
	if err != nil {
		t.Fatal(err)
	}
	post := func() {
		t.Helper()
		for _, l := range e.loops {
			ran := make(chan struct{})
			l.PostFunc(func() { close(ran) })
			select {
			case <-ran:
			case <-time.After(10 * time.Second):
				t.Fatal("a task is not run")
			}
		}
	}
	// A loop that has last closed a connection waits in gnet until the next burst.
	resting := func() {
		t.Helper()
		deadline := time.Now().Add(10 * time.Second)
		for _, r := range e.reactor {
			for ; ; runtime.Gosched() {
				r.rest.mu.Lock()
				asleep := r.rest.resting && !r.rest.roused
				r.rest.mu.Unlock()
				if asleep {
					break
				}
				post()
				if time.Now().After(deadline) {
					t.Fatal("a loop does not rest")
				}
			}
		}
	}
	echo := func(c net.Conn) {
		t.Helper()
		b := []byte("?")
		c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, b); err != nil {
			t.Fatal(err)
		}
	}
	post()
	for range 5 {
		resting()
		post()
		resting()
		fired := make(chan struct{})
		e.loops[1].PostFunc(func() { e.loops[1].AfterFunc(time.Millisecond, func() { close(fired) }) })
		<-fired
		resting()
		c, err := net.Dial("tcp", e.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		echo(c)
		post()
		resting()
		echo(c)
		resting()
		near, far := connected(t)
		if err := e.Adopt(near, nil, func(*Conn) Handler { return back{} }); err != nil {
			t.Fatal(err)
		}
		post()
		resting()
		echo(far)
		far.Close()
		c.Close()
		post()
	}
	resting()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := e.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// connected returns both ends of a TCP connection.
func connected(t *testing.T) (near, far net.Conn) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if far, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if near, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

// back echoes.
type back struct{ quiet }

func (back) Data(c *Conn, b []byte) {
	f := NewFrame()
	f.B = append(f.B, b...)
	c.Send(f)
}
