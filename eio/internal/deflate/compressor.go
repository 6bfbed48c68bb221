package deflate

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/flate"
)

// Config sets up a Compressor. The zero value is the default.
type Config struct {
	// Level is the effort, from 1, the fastest, to 9; 0 means 1. A state of
	// level 1 is 280 KB, of a higher one 1.1 to 1.4 MB.
	Level int
}

// Compressor compresses messages and bodies. Immutable after New and safe for
// concurrent use.
type Compressor struct {
	states sync.Pool // of *state
}

// New returns a Compressor, or an error that matches ErrLevel.
func New(cfg Config) (*Compressor, error) {
	if cfg.Level < 0 || cfg.Level > 9 {
		return nil, fmt.Errorf("%w, not %d", ErrLevel, cfg.Level)
	}
	c := &Compressor{}
	c.states.New = func() any { return newState(cfg.Level) }
	return c, nil
}

// state is what one call needs.
type state struct {
	out sink
	// writer is nil at level 1. There the library's stateless function is as
	// fast as its writer, compresses nearly as well, and needs a third of the
	// memory, which it pools.
	writer *flate.Writer
}

func newState(level int) *state {
	s := &state{}
	if level > 1 {
		s.writer, _ = flate.NewWriter(&s.out, level) // fails for a level out of range only
	}
	return s
}

// sink is the end of a byte slice as an io.Writer, which can't fail.
type sink struct{ b []byte }

// Write appends p.
func (s *sink) Write(p []byte) (int, error) {
	s.b = append(s.b, p...)
	return len(p), nil
}

// appendBlocks appends b as deflate blocks that refer to nothing before them.
// They end with a final block if final is set, otherwise with an empty stored
// block, whose last bytes are marker. Only the sink could fail, and it can't.
func (c *Compressor) appendBlocks(dst, b []byte, final bool) []byte {
	s := c.states.Get().(*state)
	s.out.b = dst
	if s.writer == nil {
		_ = flate.StatelessDeflate(&s.out, b, final, nil)
	} else {
		s.writer.Reset(&s.out)
		_, _ = s.writer.Write(b)
		if final {
			_ = s.writer.Close()
		} else {
			_ = s.writer.Flush()
		}
	}
	dst, s.out.b = s.out.b, nil
	c.states.Put(s)
	return dst
}
