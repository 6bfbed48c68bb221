package loop

import (
	"testing"
	"unsafe"
)

// TestSizes pins what every connection and timer costs.
func TestSizes(t *testing.T) {
	for _, s := range []struct {
		name      string
		size, max uintptr
	}{
		{"Conn", unsafe.Sizeof(Conn{}), 96},
		{"Timer", unsafe.Sizeof(Timer{}), 40},
		{"Frame", unsafe.Sizeof(Frame{}), 64},
	} {
		if s.size > s.max {
			t.Errorf("%s has %d bytes, want at most %d", s.name, s.size, s.max)
		}
		t.Logf("%s: %d bytes", s.name, s.size)
	}
}
