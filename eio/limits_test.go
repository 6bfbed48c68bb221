package eio

import (
	"math"
	"testing"
)

func TestDefaultReceiving(t *testing.T) {
	for limit, want := range map[int64]int64{math.MaxInt64: 256 << 20, 8 << 30: 1 << 30, 80 << 20: 10 << 20, 100: 1 << 20} {
		if got := memoryPart(limit); got != want {
			t.Errorf("with a memory limit of %d it is %d, want %d", limit, got, want)
		}
	}
}
