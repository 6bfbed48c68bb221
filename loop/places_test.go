package loop

import (
	"net/netip"
	"sync"
	"testing"
)

// TestPlacesAreShared: an address gets a quarter of the places, those that wait
// are served in turn by address, and what was withdrawn does not run.
func TestPlacesAreShared(t *testing.T) {
	var p places
	var all sync.WaitGroup
	p.init(8, func(f func()) { all.Go(f) })
	began := make(chan string, 100)
	ends := make(chan struct{})
	enter := func(addr string, name string) *entry {
		return p.enter(netip.MustParseAddr(addr), func() {
			began <- name
			<-ends
		})
	}
	started := func() (names string) {
		t.Helper()
		running, _ := p.counts()
		for range running {
			names += <-began
		}
		return names
	}
	// Each crowd of four has a quarter: two.
	var entries []*entry
	for _, addr := range []string{"10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1", "2001:db8::2"} {
		for range 2 {
			entries = append(entries, enter(addr, "a"))
		}
	}
	if running, waiting := p.counts(); running != 4 || waiting != 4 {
		t.Fatalf("%d run, %d wait", running, waiting)
	}
	started()
	for _, addr := range []string{"10.0.0.2", "10.0.0.3"} {
		for range 3 {
			entries = append(entries, enter(addr, "b"))
		}
	}
	if running, waiting := p.counts(); running != 8 || waiting != 6 {
		t.Fatalf("%d run, %d wait", running, waiting)
	}
	last := enter("10.0.0.9", "c")
	for _, e := range entries {
		p.withdraw(e) // those that run go on
	}
	if running, waiting := p.counts(); running != 8 || waiting != 1 {
		t.Fatalf("%d run, %d wait", running, waiting)
	}
	close(ends)
	all.Wait()
	ran := map[string]int{}
	for len(began) > 0 {
		ran[<-began]++
	}
	if ran["b"] != 4 || ran["c"] != 1 || len(ran) != 2 {
		t.Errorf("%v ran", ran)
	}
	p.withdraw(last)
	if running, waiting := p.counts(); running != 0 || waiting != 0 || len(p.of) != 0 || p.turn.Len() != 0 {
		t.Errorf("%d run, %d wait, %d addresses, %d in turn", running, waiting, len(p.of), p.turn.Len())
	}
}

// TestPlacesInTurn: an address that brings one is served before another's
// crowd.
func TestPlacesInTurn(t *testing.T) {
	var p places
	var queue []func()
	p.init(1, func(f func()) { queue = append(queue, f) })
	order := ""
	enter := func(addr, name string) {
		p.enter(netip.MustParseAddr(addr), func() { order += name })
	}
	for range 3 {
		enter("10.0.0.1", "a")
	}
	enter("10.0.0.2", "b")
	for len(queue) > 0 {
		f := queue[0]
		queue = queue[1:]
		f()
	}
	if order != "aaba" && order != "abaa" {
		t.Errorf("order %q", order)
	}
}
