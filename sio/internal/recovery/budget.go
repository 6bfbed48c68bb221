package recovery

import "sync/atomic"

// Budget bounds what several logs keep together. Each of them may keep as much
// as is left, so that one which keeps little gets on where others keep much; of
// n logs that want all of it each keeps one part of n+1. It is safe for
// concurrent use.
type Budget struct {
	MaxBytes    int64 // counted as in [Limits]
	MaxSessions int   // without a client; each log may have one all the same

	bytes, sessions atomic.Int64
}

// bytesFor is how many bytes a log may have.
func (b *Budget) bytesFor(most int) int {
	return int(min(int64(most), b.MaxBytes-b.bytes.Load()))
}

// sessionsFor is how many sessions without a client a log may have.
func (b *Budget) sessionsFor(most int) int {
	return max(min(most, b.MaxSessions-int(b.sessions.Load())), 1)
}
