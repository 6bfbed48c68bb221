package loop_test

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest/dice"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// answering answers each message in the way that its first byte asks for.
type answering struct {
	echo
	e   *loop.Engine
	rnd *dice.Dice
}

// The ways, beside at once.
const (
	byGoroutine  = 'g'
	byTimer      = 't'
	afterMove    = 'm'
	allWays      = "agtm"
	stressRounds = 60
)

func (h answering) Data(c *loop.Conn, b []byte) {
	own := append([]byte(nil), b...)
	switch b[0] {
	case byGoroutine:
		go c.Loop().PostFunc(func() { c.Send(frame(own)) })
	case byTimer:
		c.Loop().AfterFunc(time.Millisecond, func() { c.Send(frame(own)) })
	case afterMove:
		loops := h.e.Loops()
		c.MoveTo(loops[h.rnd.Int(len(loops))], nil, func(c *loop.Conn) loop.Handler {
			c.Send(frame(own))
			return h
		})
	default:
		c.Send(frame(own))
	}
}

// TestLoopsAreNeverStuck has posts, connections that come, move, are adopted
// and go, and timers against each other, on loops that are idle now and then:
// each thing that is asked for happens.
func TestLoopsAreNeverStuck(t *testing.T) {
	rnd := dice.New(t)
	var e *loop.Engine
	ready := make(chan struct{})
	e, err := loop.Listen(loop.Config{Addr: "127.0.0.1:0", Loops: 3}, func(*loop.Conn) loop.Handler {
		<-ready
		return answering{e: e, rnd: rnd}
	})
	if err != nil {
		t.Fatal(err)
	}
	close(ready)
	defer shutdown(t, e)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()

	pause := func() {
		if rnd.Int(4) == 0 { // the loops become idle
			time.Sleep(time.Duration(rnd.Int(1000)) * time.Microsecond)
		}
	}
	talk := func(c net.Conn, ways string) {
		defer c.Close()
		for range rnd.Int(10) {
			message := fmt.Appendf(nil, "%c%d", ways[rnd.Int(len(ways))], rnd.Int(1000))
			answer := make([]byte, len(message))
			c.SetDeadline(time.Now().Add(wait.Patience))
			if _, err := c.Write(message); err != nil {
				t.Errorf("%s: %v", message, err)
				return
			}
			if _, err := io.ReadFull(c, answer); err != nil || string(answer) != string(message) {
				t.Errorf("%s is answered by %q: %v", message, answer, err)
				return
			}
			pause()
		}
		if tcp, ok := c.(*net.TCPConn); ok && rnd.Int(2) == 0 {
			tcp.SetLinger(0) // it is reset
		}
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 10 * stressRounds {
				ran := make(chan struct{})
				e.Loops()[rnd.Int(3)].PostFunc(func() { close(ran) })
				select {
				case <-ran:
				case <-time.After(wait.Patience):
					t.Error("a task is not run")
					return
				}
				pause()
			}
		})
		all.Go(func() {
			for range stressRounds {
				c, err := net.Dial("tcp", e.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				talk(c, allWays)
			}
		})
	}
	all.Go(func() {
		for i := range stressRounds {
			far, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			near, err := ln.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			if i%2 == 0 {
				near = struct{ net.Conn }{near} // driven by goroutines
			}
			if err := e.Adopt(near, nil, func(*loop.Conn) loop.Handler { return answering{e: e, rnd: rnd} }); err != nil {
				t.Error(err)
			}
			talk(far, allWays)
		}
	})
	all.Wait()
}
