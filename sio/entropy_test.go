package sio

import (
	"encoding/base64"
	"testing"
)

// TestIDEntropy: of a socket's id 88 bits are random, of the secret by which a
// client comes back 120.
func TestIDEntropy(t *testing.T) {
	source := newIDSource()
	for name, c := range map[string]struct {
		next   func() string
		random int // bytes
	}{
		"socket id": {func() string { id := source.next(7, 0x123456); return string(id[:]) }, 11},
		"pid":       {newPID, 15},
	} {
		t.Run(name, func(t *testing.T) {
			const n = 4000
			seen := make(map[string]bool)
			var set [8 * 15]int // how often each bit is 1
			for range n {
				id := c.next()
				seen[id] = true
				raw, err := base64.RawURLEncoding.DecodeString(id)
				if err != nil || len(raw) != 15 {
					t.Fatalf("%q: %v", id, err)
				}
				for bit := range set {
					set[bit] += int(raw[bit/8] >> (bit % 8) & 1)
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
