package ratelimit

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// take takes a token of the address.
func take(tb *Table, l Limit, addr string, now int64) (wait time.Duration) {
	tb.Do(netip.MustParseAddr(addr), now, func(e *Entry) { wait = e.First.Take(l, now) })
	return wait
}

func TestRanges(t *testing.T) {
	tb, l := NewTable(24, 64, 100), New(1, 1)
	for _, c := range []struct {
		addr string
		same bool // as one before
	}{
		{"192.0.2.1", false},
		{"192.0.2.1", true},
		{"192.0.2.200", true},
		{"::ffff:192.0.2.7", true},
		{"192.0.3.1", false},
		{"2001:db8::1", false},
		{"2001:db8::ffff:0:0:1", true},
		{"2001:db8:0:1::1", false},
		{"::", false},
	} {
		if wait := take(tb, l, c.addr, 0); (wait > 0) != c.same {
			t.Errorf("%s: %v", c.addr, wait)
		}
	}
	if tb.Len() != 5 {
		t.Errorf("%d entries", tb.Len())
	}
}

// TestTableForgets: entries that are full or hold nothing go, those that hold
// something stay.
func TestTableForgets(t *testing.T) {
	tb, l := NewTable(32, 64, shards), New(1, 10)
	holder := netip.MustParseAddr("192.0.2.1")
	tb.Do(holder, 0, func(e *Entry) { e.Held++ })
	for i := range 5000 {
		if wait := take(tb, l, fmt.Sprintf("10.0.%d.%d", i>>8, i&255), int64(i)); wait != 0 {
			t.Fatalf("address %d: %v", i, wait)
		}
	}
	if n := tb.Len(); n > shards+1 {
		t.Errorf("%d entries", n)
	}
	if tb.Forgotten() < 4900 {
		t.Errorf("%d forgotten", tb.Forgotten())
	}
	held := 0
	tb.Do(holder, 0, func(e *Entry) { held, e.Held = e.Held, 0 })
	if held != 1 {
		t.Errorf("%d held", held)
	}
	before := tb.Forgotten()
	for i := range 5000 {
		take(tb, l, fmt.Sprintf("10.1.%d.%d", i>>8, i&255), second*int64(i+100))
	}
	if n := tb.Forgotten() - before; n > shards {
		t.Errorf("%d forgotten that were not full", n)
	}
	tb.Do(netip.MustParseAddr("192.0.2.9"), 0, func(*Entry) {})
	if n := tb.Len(); n > shards {
		t.Errorf("%d entries", n)
	}
}

// TestTableForgetsTheFullest: an address that has used its tokens up is kept
// while others come that have not.
func TestTableForgetsTheFullest(t *testing.T) {
	tb, l := NewTable(32, 64, shards*looks), New(0.001, 5)
	const attacker = "192.0.2.1"
	for range 5 {
		take(tb, l, attacker, 0)
	}
	for i := range 3000 {
		take(tb, l, fmt.Sprintf("10.0.%d.%d", i>>8, i&255), 0)
	}
	if wait := take(tb, l, attacker, 0); wait == 0 {
		t.Error("the attacker was forgotten")
	}
}

func TestTableIsSafe(t *testing.T) {
	tb, l := NewTable(32, 64, 64), New(1e6, 1)
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			for i := range 2000 {
				tb.Do(netip.AddrFrom4([4]byte{10, 0, byte(i % 7), byte(i)}), int64(i), func(e *Entry) {
					e.First.Owe(l, int64(i*g))
					e.Held += 1 - 2*(i&1)
					e.Held = max(e.Held, 0)
				})
			}
		})
	}
	group.Wait()
}
