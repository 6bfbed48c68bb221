package eio

import "sync/atomic"

// retention bounds what peers have said that is kept for as long as they are
// connected: the requests of handshakes, and what the upper layer counts by
// Session.Keep. Config.MaxHandshakeBytes is the limit over all sessions. A
// session may keep as much as is left:
//
//	what the session keeps <= limit - what all sessions keep
//
// So a session that keeps little is admitted where one that keeps much is
// refused. Sessions that keep no more than freeRetained are neither counted nor
// refused. Safe for concurrent use.
type retention struct {
	limit   int64
	total   atomic.Int64
	refused atomic.Uint64
}

const (
	// freeRetained is how many bytes a session may keep without being counted:
	// more than a browser sends in headers and a token.
	freeRetained = 4 << 10
	// maxRetained is how many bytes one session may keep. retentionOver takes
	// the place of the number once the session has ended.
	maxRetained   = 1<<31 - 1
	retentionOver = 1 << 31
)

// HandshakeStats are the figures of Config.MaxHandshakeBytes.
type HandshakeStats struct {
	// Bytes is how much is kept by the sessions that keep more than 4 KiB.
	// Refused is how often the bound kept something from being kept.
	Bytes   int64
	Refused uint64
}

// HandshakeStats returns the figures. Safe for concurrent use.
func (srv *Server) HandshakeStats() HandshakeStats {
	return HandshakeStats{Bytes: srv.retention.total.Load(), Refused: srv.retention.refused.Load()}
}

// counted returns what n bytes of one session count for.
func counted(n int64) int64 {
	if n <= freeRetained {
		return 0
	}
	return n
}

// take counts more bytes for a session that then keeps own. It reports false
// when that is more than is left, unless must is set.
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

// Keep counts n more bytes that are kept because of the peer, or -n fewer. It
// reports false, and counts nothing, when there is no room for them
// (Config.MaxHandshakeBytes); with must there always is. What a session keeps
// is released with it. Safe for concurrent use.
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

// releaseRetained ends the count of what the session keeps.
func (s *Session) releaseRetained() {
	if before := s.retained.Swap(retentionOver); before&retentionOver == 0 {
		s.home.srv.retention.total.Add(-counted(int64(before)))
	}
}

// Keep is [Session.Keep] for n bytes that outlive their session. When they are
// released the caller calls it with -n. Safe for concurrent use.
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
