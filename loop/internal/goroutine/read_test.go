package goroutine

import "testing"

// TestEndRead: a released stream keeps what was read and not delivered, and a
// closed one does not copy it.
func TestEndRead(t *testing.T) {
	for _, tt := range []struct {
		name string
		exit *exit
		kept int
	}{
		{"released while writing", &exit{taken: func(Released) {}}, 1000},
		{"closed", new(exit), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &Stream{exit: tt.exit, state: reading | writing, chunk: make([]byte, 1000)}
			s.endRead()
			if got := len(s.exit.unread); got != tt.kept {
				t.Errorf("%d bytes kept, want %d", got, tt.kept)
			}
		})
	}
}
