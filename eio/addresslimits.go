package eio

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/sioserver/sioserver/eio/ratelimit"
)

// Rate is how often something may happen: a token bucket, which is full at
// first.
type Rate struct {
	// PerSecond is how often in the long run; 0 is no limit. It may be less
	// than 1.
	PerSecond float64
	// Burst is how often at once, when nothing has happened before; PerSecond,
	// rounded up, when 0.
	Burst int
}

// AddressLimits limit what one address may do: the peer's own or, behind a
// proxy of Config.TrustedProxies or ProxyProtocol, the one that the proxy names.
// Many people may share an address, and behind a proxy that is in neither all
// clients do.
//
// A handshake beyond a limit is refused with code 3, the message "Too many
// requests", status 429 and Retry-After, an upgrade with status 400. Clients
// try again, with growing delays. [Config].OnConnectionError gets the limit as
// Context.Name: TOO_MANY_SESSIONS, TOO_MANY_HANDSHAKES or TOO_MANY_FAILURES.
type AddressLimits struct {
	// Sessions is how many sessions an address may have open at a time; 0 is no
	// limit. A client that lost its connection may come back before the server
	// has noticed, and then has two.
	Sessions int
	// Handshakes is how often an address may open a session, or try to.
	Handshakes Rate
	// Failures is how often handshakes of an address may be refused: for their
	// transport, method, protocol or origin, by AllowRequest, or by the upper
	// layer ([Session.Fail]), which is what middlewares of namespaces do. When
	// they were too many, further handshakes are refused without being
	// judged, and so are further attempts on sessions that are open.
	Failures Rate
	// IPv4Bits and IPv6Bits are how many leading bits tell one address from
	// another; 32 and 64 when 0.
	IPv4Bits, IPv6Bits int
	// Exempt are addresses without limits, such as those of monitoring. It must
	// not have those of proxies, unless Config.AddressField is set: a client
	// whose Forwarded contradicts the X-Forwarded-For of its proxy has the
	// proxy's address.
	Exempt []netip.Prefix
	// MaxAddresses is of how many addresses without sessions it is known what
	// they have done; 65,536 when 0, which takes 10 MB. An address that has
	// done nothing for long enough is not kept. At the bound one is forgotten,
	// and begins again as one that has done nothing: one that is close to that
	// anyway. So an address is never refused because of others.
	MaxAddresses int
}

// AddressStats are the figures of Config.AddressLimits.
type AddressStats struct {
	// Addresses is how many are known: those with sessions, and those that have
	// done something not long ago. Forgotten is how often one was forgotten
	// too early because of MaxAddresses.
	Addresses int
	Forgotten uint64
	// Failures is how many handshakes were refused for the reasons of
	// AddressLimits.Failures.
	Failures uint64
	// TooManySessions, TooManyHandshakes and TooManyFailures are how many
	// handshakes, and attempts on open sessions, were refused by each limit.
	TooManySessions, TooManyHandshakes, TooManyFailures uint64
}

// addressLimiter carries out AddressLimits. All methods do nothing, and admit,
// for nil. Safe for concurrent use.
type addressLimiter struct {
	sessions             int
	handshakes, failures ratelimit.Limit // Entry.First and Second
	exempt               []netip.Prefix
	table                *ratelimit.Table

	failed                                              atomic.Uint64
	tooManySessions, tooManyHandshakes, tooManyFailures atomic.Uint64
}

// newAddressLimiter returns nil for no limits.
func newAddressLimiter(l *AddressLimits) (*addressLimiter, error) {
	if l == nil {
		return nil, nil
	}
	a := &addressLimiter{sessions: l.Sessions, exempt: l.Exempt}
	var err error
	if a.handshakes, err = ratelimit.Parse("eio: Config.AddressLimits.Handshakes", l.Handshakes.PerSecond, l.Handshakes.Burst); err != nil {
		return nil, err
	}
	if a.failures, err = ratelimit.Parse("eio: Config.AddressLimits.Failures", l.Failures.PerSecond, l.Failures.Burst); err != nil {
		return nil, err
	}
	for _, f := range []struct {
		name        string
		value, most int
		unset       string
	}{
		{"Sessions", l.Sessions, math.MaxInt, "no limit"},
		{"IPv4Bits", l.IPv4Bits, 32, "32"},
		{"IPv6Bits", l.IPv6Bits, 128, "64"},
		{"MaxAddresses", l.MaxAddresses, 1 << 30, "65536"},
	} {
		if f.value < 0 || f.value > f.most {
			return nil, fmt.Errorf("eio: Config.AddressLimits.%s is %d; it must be between 1 and %d, or 0 for %s", f.name, f.value, f.most, f.unset)
		}
	}
	if err := checkPrefixes("Config.AddressLimits.Exempt", l.Exempt); err != nil {
		return nil, err
	}
	a.table = ratelimit.NewTable(cmp.Or(l.IPv4Bits, 32), cmp.Or(l.IPv6Bits, 64), cmp.Or(l.MaxAddresses, 1<<16))
	return a, nil
}

func (a *addressLimiter) limits(addr netip.Addr) bool { return a != nil && !contains(a.exempt, addr) }

// retrySessions is how long a client waits that has too many sessions: it is
// not known when one ends.
const retrySessions = 5 * time.Second

// excess is a limit that an address has reached.
type excess struct {
	name string
	wait time.Duration // until it may try again; 0 if no limit was reached
}

// admit judges a handshake, and counts it unless it is refused.
func (a *addressLimiter) admit(addr netip.Addr, now int64) (x excess) {
	if !a.limits(addr) {
		return excess{}
	}
	a.table.Do(addr, now, func(e *ratelimit.Entry) {
		if wait := e.Second.Wait(a.failures, now); wait > 0 {
			a.tooManyFailures.Add(1)
			x = excess{"TOO_MANY_FAILURES", wait}
		} else if a.sessions > 0 && e.Held >= a.sessions {
			a.tooManySessions.Add(1)
			x = excess{"TOO_MANY_SESSIONS", retrySessions}
		} else if wait := e.First.Take(a.handshakes, now); wait > 0 {
			a.tooManyHandshakes.Add(1)
			x = excess{"TOO_MANY_HANDSHAKES", wait}
		}
	})
	return x
}

// open counts a session, or reports that the address has too many: others may
// have come since its handshake was admitted.
func (a *addressLimiter) open(addr netip.Addr, now int64) (ok bool) {
	if !a.limits(addr) || a.sessions == 0 {
		return true
	}
	a.table.Do(addr, now, func(e *ratelimit.Entry) {
		if ok = e.Held < a.sessions; ok {
			e.Held++
		} else {
			a.tooManySessions.Add(1)
		}
	})
	return ok
}

// closed takes back an open that was true.
func (a *addressLimiter) closed(addr netip.Addr, now int64) {
	if a.limits(addr) && a.sessions > 0 {
		a.table.Do(addr, now, func(e *ratelimit.Entry) { e.Held-- })
	}
}

// fail counts a failure.
func (a *addressLimiter) fail(addr netip.Addr, now int64) {
	if !a.limits(addr) {
		return
	}
	a.failed.Add(1)
	a.table.Do(addr, now, func(e *ratelimit.Entry) { e.Second.Take(a.failures, now) })
}

// failing reports whether the address has failed too often to try once more.
func (a *addressLimiter) failing(addr netip.Addr, now int64) (failing bool) {
	if !a.limits(addr) || !a.failures.On() {
		return false
	}
	a.table.Do(addr, now, func(e *ratelimit.Entry) { failing = e.Second.Wait(a.failures, now) > 0 })
	if failing {
		a.tooManyFailures.Add(1)
	}
	return failing
}

// AddressStats returns the figures. Safe for concurrent use.
func (srv *Server) AddressStats() AddressStats {
	a := srv.limiter
	if a == nil {
		return AddressStats{}
	}
	return AddressStats{
		Addresses:         a.table.Len(),
		Forgotten:         a.table.Forgotten(),
		Failures:          a.failed.Load(),
		TooManySessions:   a.tooManySessions.Load(),
		TooManyHandshakes: a.tooManyHandshakes.Load(),
		TooManyFailures:   a.tooManyFailures.Load(),
	}
}

// Fail counts against the session's address that the upper layer has refused
// its peer something (AddressLimits.Failures).
func (s *Session) Fail() { s.home.srv.limiter.fail(s.remote.addrPort().Addr(), s.home.loop.Now()) }

// Failing reports whether the session's address has failed so often that the
// upper layer should refuse its peer without looking.
func (s *Session) Failing() bool {
	return s.home.srv.limiter.failing(s.remote.addrPort().Addr(), s.home.loop.Now())
}
