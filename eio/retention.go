package eio

import "sync/atomic"

// keeping is what peers have said that is kept for as long as they are there: the
// requests of handshakes, and what the upper layer counts by Session.Keep. It is
// bounded by Config.MaxHandshakeBytes over all sessions. A session may have as much
// as is left:
//
//	what the session keeps <= limit - what all keep
//
// so one that brings little is let in where one that brings much is refused, and
// those that keep no more than freeKept are neither counted nor refused. Safe for
// concurrent use.
type retention struct {
	limit   int64
	total   atomic.Int64
	refused atomic.Uint64
}

const (
	// freeKept is what a session may keep without being counted: more than a browser
	// sends of headers and a token.
	freeRetained = 4 << 10
	// maxKept is what one session may keep, and over is set once it has ended.
	maxRetained   = 1<<31 - 1
	retentionOver = 1 << 31
)

// HandshakeStats are the figures of Config.MaxHandshakeBytes.
type HandshakeStats struct {
	// Bytes is what sessions keep now that keep more than 4 KiB, and Refused how
	// often something was not kept because of the bound.
	Bytes   int64
	Refused uint64
}

// HandshakeStats returns the figures. Safe for concurrent use.
func (srv *Server) HandshakeStats() HandshakeStats {
	return HandshakeStats{Bytes: srv.retention.total.Load(), Refused: srv.retention.refused.Load()}
}

// counted is what n bytes of one session count for.
func counted(n int64) int64 {
	if n <= freeRetained {
		return 0
	}
	return n
}

// take counts more bytes of one that then has own. It reports false when that is
// more than is left, unless it must be.
func (k *retention) take(more, own int64, must bool) bool {
	for {
		total := k.total.Load()
		if !must && own > k.limit-total-more {
			k.refused.Add(1)
			return false
		}
		if k.total.CompareAndSwap(total, total+more) {
			return true
		}
	}
}

// Keep tells that n more bytes are kept that the peer has caused, or -n less. It
// reports false when there is no room for them (Config.MaxHandshakeBytes), and they
// are not counted; with must there always is. What a session keeps is let go of with
// it. Safe for concurrent use.
func (s *Session) Keep(n int, must bool) bool {
	for n != 0 {
		before := s.retained.Load()
		if before&retentionOver != 0 {
			break
		}
		own := max(int64(before)+int64(n), 0)
		if own > maxRetained {
			if !must {
				s.home.srv.retention.refused.Add(1)
			}
			return must
		}
		more := counted(own) - counted(int64(before))
		if more > 0 && !s.home.srv.retention.take(more, own, must) {
			return false
		}
		if s.retained.CompareAndSwap(before, uint32(own)) {
			if more < 0 {
				s.home.srv.retention.total.Add(more)
			}
			break
		}
		if more > 0 {
			s.home.srv.retention.total.Add(-more)
		}
	}
	return true
}

// letGo is the end of what the session keeps.
func (s *Session) releaseRetained() {
	if before := s.retained.Swap(retentionOver); before&retentionOver == 0 {
		s.home.srv.retention.total.Add(-counted(int64(before)))
	}
}

// Keep is [Session.Keep] for n bytes that outlive their session; it is called with
// the same n again, negative, when they are let go of. Safe for concurrent use.
func (srv *Server) Keep(n int) bool {
	switch size := counted(max(int64(n), -int64(n))); {
	case size == 0:
	case n < 0:
		srv.retention.total.Add(-size)
	default:
		return srv.retention.take(size, size, false)
	}
	return true
}
