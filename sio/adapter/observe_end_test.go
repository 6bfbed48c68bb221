package adapter

import (
	"runtime"
	"sync"
	"testing"
	"time"
)

// A call that ends its goroutine keeps nothing from those that follow.
func TestObserverCallsEnd(t *testing.T) {
	r := New[*peer](1)
	calls := make(chan RoomEvent, 100)
	r.Observe(func(p *peer) string { return p.name }, func(e RoomEvent) {
		calls <- e
		if len(calls)%3 == 1 {
			runtime.Goexit()
		}
	})
	var users sync.WaitGroup
	for range 10 {
		users.Go(func() {
			p := newPeer(t, r, 0, "p")
			r.Remove(&p.member)
		})
	}
	users.Wait()
	users.Go(func() { newPeer(t, r, 0, "last") })
	deadline := time.After(10 * time.Second)
	for last := 0; last < 2; {
		select {
		case e := <-calls:
			if e.Room == "last" {
				last++
			}
		case <-deadline:
			t.Fatal("the calls have ceased")
		}
	}
}
