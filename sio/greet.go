package sio

import (
	"context"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/sio/internal/goroutine"
)

// While the connection handlers of a socket run, what is emitted to it from
// elsewhere is held, so that what they emit comes first: a state, then what
// changes it. What the handlers emit goes out at once, by a broadcast too. Which
// is which the goroutine tells.
//
//	              held                returned
//	greetRuns ────────────► greetHolds ────────► greetReleases ──► release on the loop
//	    │ returned, having emitted                    ▲
//	    ├─────────────────────────────────────────────┘
//	    └──► greetOver
//	         returned, without
//
// The release is posted when the handlers have returned, so it runs behind all
// that they have emitted.
type greetState uint8

const (
	greetNone greetState = iota
	greetRuns
	greetHolds
	greetOver
	greetReleases
)

const (
	// maxHeld and maxHeldBytes are how much is held for one socket, and
	// maxHeldTime for how long. Beyond, it is sent, and holding ends.
	maxHeld      = 1024
	maxHeldBytes = 1 << 20
	maxHeldTime  = 10 * time.Second
)

// held is what is held for a socket. Loop-owned.
type held struct {
	messages []heldMessage
	bytes    int
	waiters  []chan<- struct{} // closed when it is sent
	passed   []*eio.Packet     // with recovery, the heads of what was sent meanwhile
	timer    *loop.Timer
}

// heldMessage is a message with a reference.
type heldMessage struct {
	message
	volatile bool
	acks     *castAck // nil when none is asked for
}

// end ends the holding of m, which was sent or not.
func (m heldMessage) end() {
	m.release()
	if m.acks != nil {
		m.acks.sent()
	}
}

// beginGreeting lets what comes from elsewhere be held. It is called on the loop.
func (s *Socket) beginGreeting() {
	s.holds = true
	s.mu.Lock()
	defer s.mu.Unlock()
	s.greeting = greetRuns
}

// endGreeting tells that the connection handlers have returned, and whether they
// have emitted something to s.
func (s *Socket) endGreeting(emitted bool) {
	s.mu.Lock()
	posts := s.greeting == greetHolds || s.greeting == greetRuns && emitted
	switch {
	case posts:
		s.greeting = greetReleases
	case s.greeting == greetRuns:
		s.greeting = greetOver
	}
	s.mu.Unlock()
	if posts {
		s.client.Loop().Post((*releaseTask)(s))
	}
}

// hold holds what comes from elsewhere for s, on its loop, unless there is no reason
// any more, which it reports with false. acks, unless nil, gets its acknowledgement.
func (s *Socket) hold(m message, volatile bool, acks *castAck) bool {
	s.mu.Lock()
	over := s.greeting == greetOver
	if s.greeting == greetRuns {
		s.greeting = greetHolds
	}
	s.mu.Unlock()
	if over {
		s.holds = false
		return false
	}
	p := s.client.part()
	if acks != nil {
		acks.shards.Add(1)
	}
	h := p.held[s]
	if h == nil {
		h = &held{timer: s.client.Loop().AfterFunc(maxHeldTime, s.unhold)}
		if p.held == nil {
			p.held = make(map[*Socket]*held)
		}
		p.held[s] = h
	}
	size := packetCost + m.size()
	h.messages = append(h.messages, heldMessage{m.retain(), volatile, acks})
	h.bytes += size
	p.counts.held.Add(1)
	s.client.Loop().Hold(size)
	if len(h.messages) >= maxHeld || len(h.passed) >= maxHeld || h.bytes >= maxHeldBytes || s.client.Loop().Excess() > 0 {
		s.unhold()
	}
	return true
}

// releaseTask is a socket whose connection handlers have returned.
type releaseTask Socket

func (t *releaseTask) Run(*loop.Loop) { (*Socket)(t).unhold() }

// unhold sends what is held and holds nothing more.
func (s *Socket) unhold() {
	for _, m := range s.takeHeld() {
		if s.deliver(m.message, m.volatile) && m.acks != nil {
			m.acks.asked(s)
		}
		m.end()
	}
}

// takeHeld ends the holding and returns what was held.
func (s *Socket) takeHeld() []heldMessage {
	if !s.holds {
		return nil
	}
	s.holds = false
	s.mu.Lock()
	s.greeting = greetNone
	s.mu.Unlock()
	p := s.client.part()
	h := p.held[s]
	if h == nil {
		return nil
	}
	delete(p.held, s)
	s.client.Loop().Cancel(h.timer)
	s.client.Loop().Hold(-h.bytes)
	p.counts.held.Add(-int64(len(h.messages)))
	for _, released := range h.waiters {
		close(released)
	}
	if s.ns.log != nil {
		s.ns.log.reorder(s, h.passed, h.messages)
	}
	for _, p := range h.passed {
		p.Release()
	}
	return h.messages
}

// awaitRelease waits until what is held for s by now is sent, or ctx is done. The
// connection handlers do not wait.
func (s *Socket) awaitRelease(ctx context.Context) {
	s.mu.Lock()
	none := s.greeting == greetNone || s.greeting == greetOver
	s.mu.Unlock()
	if none || s.ns.srv.workers.greeted() == s {
		return
	}
	released := make(chan struct{})
	if !s.client.Loop().PostFunc(func() {
		if h := s.client.part().held[s]; h != nil {
			h.waiters = append(h.waiters, released)
		} else {
			close(released)
		}
	}) {
		return
	}
	select {
	case <-released:
	case <-ctx.Done():
	}
}

// pass notes that m was sent before what is held.
func (s *Socket) pass(m message) {
	if h := s.client.part().held[s]; h != nil && s.ns.log != nil {
		h.passed = append(h.passed, m.head.Retain())
	}
}

// dropHeld ends the holding for a socket that is sent nothing more.
func (s *Socket) dropHeld() {
	for _, m := range s.takeHeld() {
		m.end()
	}
}

// worker is a goroutine that runs handlers.
type worker struct {
	id uintptr // of the goroutine; 0 until it is needed
	// Its own: whose connection handlers it runs, and whether these have emitted
	// something to the socket.
	greets  *Socket
	emitted bool
}

// greet runs the connection handlers of s by run, which may end the goroutine.
func (w *worker) greet(s *Socket, run func()) {
	workers := &s.ns.srv.workers
	if w.id == 0 {
		w.id = goroutine.Current()
		workers.greeters.Store(w.id, w)
	}
	w.greets, w.emitted = s, false
	workers.greeting.Add(1)
	defer func() {
		w.greets = nil
		workers.greeting.Add(-1)
		s.endGreeting(w.emitted)
	}()
	run()
}

// passes reports whether what the calling goroutine emits to s is not held: it runs
// the connection handlers of s, or it is the loop, whose inline handlers need not
// wait for them.
func (s *Socket) passes() bool {
	return s.ns.srv.workers.greeted() == s || s.client.part().goroutine.Load() == goroutine.Current()
}

// greeted is the socket whose connection handler emits something, or nil.
func (w *workers) greeted() *Socket {
	if w.greeting.Load() == 0 {
		return nil
	}
	v, ok := w.greeters.Load(goroutine.Current())
	if !ok {
		return nil
	}
	v.(*worker).emitted = true
	return v.(*worker).greets
}
