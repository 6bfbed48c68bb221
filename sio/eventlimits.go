package sio

import (
	"errors"
	"fmt"
	"time"

	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/ratelimit"
	"github.com/sioserver/sioserver/loop"
)

// EventPolicy is what happens to events beyond [Config.EventLimits].
type EventPolicy uint8

const (
	// EventPause handles them, and then does not read the client's connection
	// until it is within its limits again: TCP slows it down, over polling the
	// answer to its POST waits, and nothing is lost. Clients of one address
	// take turns.
	EventPause EventPolicy = iota
	// EventRefuse does not handle them. One that asks for an acknowledgement
	// gets an error with the code "too_many_events" ([Error]), whose data has
	// the field retryAfter, in milliseconds. It may overtake acknowledgements
	// of earlier events.
	EventRefuse
	// EventDisconnect closes the connection, with [ForcedClose].
	EventDisconnect
)

func (p EventPolicy) String() string {
	switch p {
	case EventPause:
		return "EventPause"
	case EventRefuse:
		return "EventRefuse"
	case EventDisconnect:
		return "EventDisconnect"
	}
	return fmt.Sprintf("EventPolicy(%d)", uint8(p))
}

// EventLimits limit how many events clients send. Those of one event are
// limited by [Limit].
type EventLimits struct {
	// Socket is how often each socket may send an event.
	Socket eio.Rate
	// Address is how often all sockets of one address may together. IPv6
	// addresses count by their first 64 bits. Of 65,536 addresses it is known
	// what they have sent; see [eio.AddressLimits].MaxAddresses for more.
	Address eio.Rate
	// Policy is what happens to events beyond these.
	Policy EventPolicy
}

// maxEventAddresses is of how many addresses a server knows what they have
// sent.
const maxEventAddresses = 1 << 16

// eventLimiter carries out EventLimits. Safe for concurrent use.
type eventLimiter struct {
	socket, address ratelimit.Limit
	table           *ratelimit.Table // by address
	policy          EventPolicy
}

// newEventLimiter returns nil for no limits.
func newEventLimiter(l *EventLimits) (*eventLimiter, error) {
	if l == nil {
		return nil, nil
	}
	e := &eventLimiter{policy: l.Policy, table: ratelimit.NewTable(32, subscriberBits, maxEventAddresses)}
	if l.Policy > EventDisconnect {
		return nil, fmt.Errorf("sio: Config.EventLimits.Policy is %v; it must be EventPause, EventRefuse or EventDisconnect", l.Policy)
	}
	var err error
	if e.socket, err = ratelimit.Parse("sio: Config.EventLimits.Socket", l.Socket.PerSecond, l.Socket.Burst); err != nil {
		return nil, err
	}
	e.address, err = ratelimit.Parse("sio: Config.EventLimits.Address", l.Address.PerSecond, l.Address.Burst)
	return e, err
}

// ErrTooManyEvents is the cause of the [Error] that clients get beyond a limit
// of events, and what [Config.OnError] gets of events beyond [Limit].
var ErrTooManyEvents = errors.New("sio: too many events")

// tooMany is the error of an event that may come again after wait.
func tooMany(wait time.Duration) *Error {
	return &Error{
		Message: "too many events",
		Code:    codeTooManyEvents,
		Data:    map[string]int64{"retryAfter": int64((wait + time.Millisecond - 1) / time.Millisecond)},
		cause:   ErrTooManyEvents,
	}
}

// socketLimits is what a socket has sent. Guarded by Socket.mu.
type socketLimits struct {
	all      ratelimit.Bucket
	handlers map[*handler]ratelimit.Bucket // of handlers with a limit
}

// limitsLocked returns what the socket has sent. s.mu must be held.
func (s *Socket) limitsLocked() *socketLimits {
	x := s.extraLocked()
	if x.limits == nil {
		x.limits = new(socketLimits)
	}
	return x.limits
}

// spend takes a token of the socket and of its address by take, and returns the
// longer wait.
func (l *eventLimiter) spend(s *Socket, now int64, take func(*ratelimit.Bucket, ratelimit.Limit, int64) time.Duration) (wait time.Duration) {
	if l.socket.On() {
		s.mu.Lock()
		wait = take(&s.limitsLocked().all, l.socket, now)
		s.mu.Unlock()
	}
	if l.address.On() && (wait == 0 || l.policy == EventPause) {
		l.table.Do(s.client.RemoteAddr().Addr(), now, func(e *ratelimit.Entry) {
			wait = max(wait, take(&e.First, l.address, now))
		})
	}
	return wait
}

// admits counts an event and reports whether it is handled. Called on the loop.
func (l *eventLimiter) admits(s *Socket, h socketio.Header, name []byte) bool {
	c := s.client
	counts := &c.perLoop().counts
	take := (*ratelimit.Bucket).Take
	if l.policy == EventPause {
		take = (*ratelimit.Bucket).Owe
	}
	wait := l.spend(s, c.Loop().Now(), take)
	if wait == 0 {
		return true
	}
	switch l.policy {
	case EventPause:
		counts.eventPauses.Add(1)
		c.pace(wait)
	case EventRefuse:
		counts.eventsRefused.Add(1)
		if h.HasID {
			e := &Event{socket: s, name: string(name), id: h.ID, wants: true}
			e.answer(tooMany(wait))
		}
	case EventDisconnect:
		counts.eventsRefused.Add(1)
		c.logEnded(ErrTooManyEvents)
		c.closeSoon(ErrTooManyEvents, func() { c.end(ErrTooManyEvents, false) })
	}
	if hook := c.srv.cfg.OnEventLimit; hook != nil {
		c.srv.protectOn(c.Loop(), "event limit", func() { hook(s, string(name), l.policy) })
	}
	return l.policy == EventPause
}

// pacer is a client that is not read until its timer expires. Loop-owned.
type pacer struct {
	loop.Timer
	client *client
}

// pace does not read the client for d. Called on the loop.
func (c *client) pace(d time.Duration) {
	x := c.needExtra()
	if x.pacer == nil {
		x.pacer = &pacer{client: c}
		x.pacer.Init(x.pacer)
	}
	c.Loop().Arm(&x.pacer.Timer, d)
	c.Session.PausePaced()
}

// stopPacing is for a client that leaves.
func (c *client) stopPacing() {
	if c.extra != nil && c.extra.pacer != nil {
		c.Loop().Cancel(&c.extra.pacer.Timer)
	}
}

// Expired implements loop.TimerHandler.
func (p *pacer) Expired(*loop.Timer) { p.client.Session.ResumePaced() }

// Limit has a handler of an event called at most perSecond times a second for
// each socket in the long run, which may be less than 1, and burst times at
// once. Beyond that it is not called, and the event is refused as by
// [EventRefuse]: [Config.OnError] gets an error that is [ErrTooManyEvents], and
// [Stats].EventsRefused counts it. What counts is when the handler would be
// called, not when the event has arrived. perSecond must be positive and burst
// at least 1.
func Limit(perSecond float64, burst int) HandlerOption {
	l, err := ratelimit.Parse("sio: Limit: the rate", perSecond, burst)
	if err == nil && !(l.On() && burst >= 1) {
		err = fmt.Errorf("sio: Limit: %v a second and %d at once; both must be positive", perSecond, burst)
	}
	if err != nil {
		panic(err.Error())
	}
	return func(h *handler) { h.limit = l }
}

// takeFor counts a call of a handler. It returns how long the caller has to
// wait, 0 if the handler may be called.
func (s *Socket) takeFor(h *handler) time.Duration {
	now := int64(time.Since(limitEpoch))
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.limitsLocked()
	b := l.handlers[h]
	wait := b.Take(h.limit, now)
	if wait == 0 {
		if l.handlers == nil {
			l.handlers = make(map[*handler]ratelimit.Bucket)
		}
		l.handlers[h] = b
	}
	return wait
}

// limitEpoch is what the times of calls are measured from, a little in the
// past.
var limitEpoch = time.Now().Add(-time.Second)
