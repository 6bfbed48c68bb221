package eio

import (
	"crypto/rand"
	"reflect"
	"testing"
)

// TestSessionIDEntropy: of a sid 88 bits are random, 64 with forwarding, and
// the others say where the session is.
func TestSessionIDEntropy(t *testing.T) {
	node := uint32(0xabcdef)
	for name, c := range map[string]struct {
		node   *uint32
		random int // bytes
	}{
		"one server": {nil, 11},
		"forwarding": {&node, 8},
	} {
		t.Run(name, func(t *testing.T) {
			const loop, slot, n = 7, 0x123456, 4000
			src := newIDSource(c.node)
			seen := make(map[string]bool)
			var set [8 * len(sessionID{})]int // how often each bit is 1
			for range n {
				id := src.next(loop, slot)
				seen[id.String()] = true
				for bit := range set {
					set[bit] += int(id[bit/8] >> (bit % 8) & 1)
				}
				if id.loop() != loop || id.slot() != slot || c.node != nil && id.node() != node {
					t.Fatalf("%s does not say where the session is", &id)
				}
			}
			if len(seen) != n {
				t.Errorf("%d of %d ids differ", len(seen), n)
			}
			for bit, count := range set {
				// A random bit is beyond 200, 6 standard deviations, once in
				// 10^9 times.
				if random := count > n/2-200 && count < n/2+200; random != (bit < 8*c.random) {
					t.Errorf("bit %d is 1 in %d of %d ids", bit, count, n)
				}
			}
		})
	}
}

// TestIDSourceIsSecure: what makes sids reads the system's generator.
func TestIDSourceIsSecure(t *testing.T) {
	saved := rand.Reader
	defer func() { rand.Reader = saved }()
	rand.Reader = constant(0xa5)
	id := newIDSource(nil).next(0, 0)
	if want := (sessionID{0xa5, 0xa5, 0xa5, 0xa5, 0xa5, 0xa5, 0xa5, 0xa5, 0xa5, 0xa5, 0xa5}); !reflect.DeepEqual(id, want) {
		t.Errorf("got %x", id)
	}
}

// constant is a generator that always gives the same byte.
type constant byte

func (c constant) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(c)
	}
	return len(b), nil
}
