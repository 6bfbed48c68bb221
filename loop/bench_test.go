//go:build linux

package loop_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sioserver/sioserver/loop"
)

// rawDials opens n connections without the help of package net, whose own would
// weigh more than what is measured. The descriptors block.
func rawDials(b *testing.B, e *loop.Engine, n int) []int {
	b.Helper()
	fds := make([]int, n)
	for i := range fds {
		fds[i] = rawDial(b, e)
	}
	b.Cleanup(func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	})
	return fds
}

func rawDial(b *testing.B, e *loop.Engine) int {
	b.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	var port int
	fmt.Sscanf(e.Addr().String(), "127.0.0.1:%d", &port)
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		b.Fatal(err)
	}
	return fd
}

func awaitCount(n *atomic.Int64, want int64) {
	for n.Load() < want {
		runtime.Gosched()
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkIdleConnection reports the live heap that an idle connection costs,
// gnet's part included.
func BenchmarkIdleConnection(b *testing.B) {
	const n = 4000
	var opened atomic.Int64
	h := echo{}
	e := start(b, loop.Config{Loops: 1}, func(*loop.Conn) loop.Handler { opened.Add(1); return h })
	rawDials(b, e, 100)
	awaitCount(&opened, 100)
	before := heap()
	rawDials(b, e, n)
	awaitCount(&opened, 100+n)
	for b.Loop() {
	}
	b.ReportMetric(float64(heap()-before)/n, "heap-B/conn")
}

// BenchmarkEcho is one client with ten messages outstanding, whose replies
// share a write.
func BenchmarkEcho(b *testing.B) {
	e := start(b, loop.Config{Loops: 1}, acceptEcho)
	fd := rawDials(b, e, 1)[0]
	buf := make([]byte, 1000)
	b.ReportAllocs()
	for b.Loop() {
		unix.Write(fd, buf)
		for got := 0; got < len(buf); {
			n, err := unix.Read(fd, buf)
			if err != nil {
				b.Fatal(err)
			}
			got += n
		}
	}
}

// BenchmarkBroadcast sends a frame to a thousand connections: one operation is
// one delivery. Four broadcasts are under way at a time.
func BenchmarkBroadcast(b *testing.B) {
	const members, inFlight, size = 1000, 4, 100
	conns := make([]*loop.Conn, 0, members)
	var opened atomic.Int64
	e := start(b, loop.Config{Loops: 1}, func(c *loop.Conn) loop.Handler {
		conns = append(conns, c)
		opened.Add(1)
		return echo{}
	})
	fds := rawDials(b, e, members)
	awaitCount(&opened, members)
	b.ReportAllocs()
	buf := make([]byte, inFlight*size)
	before := e.Stats()
	deliveries := 0
	for b.Loop() {
		if deliveries++; deliveries%(members*inFlight) != 1 {
			continue
		}
		for range inFlight {
			f := loop.NewFrame()
			f.B = append(f.B, buf[:size]...)
			e.Loops()[0].PostFunc(func() {
				for _, c := range conns {
					c.Send(f.Retain())
				}
				f.Release()
			})
		}
		for _, fd := range fds {
			for got := 0; got < len(buf); {
				n, err := unix.Read(fd, buf)
				if err != nil {
					b.Fatal(err)
				}
				got += n
			}
		}
	}
	after := e.Stats()
	b.ReportMetric(float64(after.BytesOut-before.BytesOut)/size/float64(after.Sends-before.Sends), "frames/send")
}

// BenchmarkPause pauses a connection and resumes it, which leaves and enters
// gnet's epoll instance.
func BenchmarkPause(b *testing.B) {
	conns := make(chan *loop.Conn, 1)
	e := start(b, loop.Config{Loops: 1}, func(c *loop.Conn) loop.Handler { conns <- c; return echo{} })
	rawDials(b, e, 1)
	c := <-conns
	done := make(chan struct{})
	c.Loop().PostFunc(func() {
		defer close(done)
		b.ReportAllocs()
		for b.Loop() {
			c.Pause(nil)
			c.Resume()
		}
	})
	<-done
}
