package recovery

import (
	"errors"
	"slices"
)

// Histories are read for all returning clients together: a round begins at the
// oldest of their offsets, and each page that the adapter returns is dealt to
// all clients that missed something of it. A packet is encoded once, and kept
// once, for all.
//
// A client that arrives meanwhile joins the round if its offset is not passed
// yet, also by the page that is being read. Others wait for the next round. So
// each client waits for two rounds at most, and a round is as long as what the
// adapter keeps. From a client's arrival until it is admitted the log evicts
// nothing, up to a limit: with what is older than the log was then, a client
// has everything.
//
// What histories hold until they are sent is bounded: when it is too much, the
// client with the most of it waits for the next round, and the last client of
// the round until others were sent theirs.

// HeldRounds times MaxBytes may be held for all histories, and a page more.
const HeldRounds = 4

var errTooMuch = errors.New("sio: the client has missed more than MaxBytes")

// Catching is a client for which a history is read.
type Catching[S, P any] struct {
	history *History[S, P]
	from    Offset // where it began
	text    string // from as the adapter wrote it
	had     int    // packets that it had then
	joined  bool   // it takes part in this round
	done    func(caughtUp bool)
}

// Reading is what a client may get of the page that is read for its round. Only
// the goroutine that reads uses it.
type Reading[S, P any] struct {
	catching *Catching[S, P]
	upTo     Offset // the page's packets behind it concern the client
	text     string // upTo as the adapter wrote it
	goal     Offset // where the log began when the page was asked for
	most     int    // bytes that it may get
	got      []*past[P]
	err      error
}

// After is the offset behind which the page is to be read, as the adapter wrote
// it, and the socket on whose behalf that is done.
func (r *Reading[S, P]) After() (text string, socket S) {
	return r.text, r.catching.history.Socket
}

// UpTo is After as an offset.
func (r *Reading[S, P]) UpTo() Offset { return r.upTo }

// Pages counts the pages that were read, except those that reach up to the
// log's beginning: with these, all clients should have caught up. It moves on
// as long as reading makes progress.
func (l *Log[S, P]) Pages() uint64 { return l.pages }

// Catch asks for what lies between a session's history and the log. It returns
// nil when there is nothing to be read; else done is called once, with false
// when it is not to be had, and the history is dropped then. The log must be
// told to forget the client by Cancel if it does not wait.
func (l *Log[S, P]) Catch(ses *Session[S, P], h *History[S, P], done func(caughtUp bool)) *Catching[S, P] {
	h.who = &Session[S, P]{ID: ses.ID, spans: slices.Clone(ses.spans)}
	h.in = h.who.roomTest()
	h.leave()
	h.arrive()
	if l.caughtUp(h) {
		return nil
	}
	c := &Catching[S, P]{history: h, from: h.upTo, text: h.text, had: len(h.list), done: done}
	l.catching = append(l.catching, c)
	return c
}

// Cancel ends the waiting of a client. It does nothing when that has ended.
func (l *Log[S, P]) Cancel(c *Catching[S, P]) { l.finish(c, false) }

// finish ends the waiting of a client.
func (l *Log[S, P]) finish(c *Catching[S, P], caughtUp bool) {
	i := slices.Index(l.catching, c)
	if i < 0 {
		return
	}
	l.catching = slices.Delete(l.catching, i, i+1)
	if !caughtUp {
		c.history.Drop()
	}
	c.done(caughtUp)
	if len(l.catching) == 0 {
		l.hooks.Idle()
	}
}

// Found says what a Round found.
type Found uint8

// What a Round finds.
const (
	None Found = iota // no client waits
	Full              // too much is held: read on after Room was called
	Page              // a page is to be read
)

// Round ends the waiting of clients that have caught up, and returns the client
// at the oldest offset, for which a page is to be read next.
func (l *Log[S, P]) Round() (oldest *Reading[S, P], found Found) {
	for _, c := range slices.Clone(l.catching) {
		if caughtUp := !c.history.dropped && l.caughtUp(c.history); caughtUp || c.history.dropped {
			l.pages++ // others get on, too
			l.finish(c, caughtUp)
		}
	}
	limit := HeldRounds * l.limits.MaxBytes
	joined := l.joined()
	for ; l.held > limit && len(joined) > 1; joined = l.joined() {
		slices.MaxFunc(joined, func(a, b *Catching[S, P]) int { return a.history.bytes - b.history.bytes }).waitOn()
	}
	switch {
	case len(l.catching) == 0:
		return nil, None
	case len(joined) == 0:
		for _, c := range l.catching {
			c.joined = true
		}
		joined = l.joined()
	}
	if len(joined) == 1 && l.held-joined[0].history.bytes > limit {
		l.full = true
		return nil, Full
	}
	return l.reading(slices.MinFunc(joined, func(a, b *Catching[S, P]) int { return a.history.upTo.Compare(b.history.upTo) })), Page
}

// joined returns the clients of this round.
func (l *Log[S, P]) joined() (list []*Catching[S, P]) {
	for _, c := range l.catching {
		if c.joined {
			list = append(list, c)
		}
	}
	return list
}

// waitOn has a client begin from its beginning in the next round.
func (c *Catching[S, P]) waitOn() {
	c.history.cut(c.had)
	c.history.upTo, c.history.text, c.joined = c.from, c.text, false
}

func (l *Log[S, P]) reading(c *Catching[S, P]) *Reading[S, P] {
	h := c.history
	goal, _ := l.Start()
	return &Reading[S, P]{catching: c, upTo: h.upTo, text: h.text, goal: goal, most: l.limits.MaxBytes - h.bytes}
}

// Readers returns the clients that miss something of the page that was read
// behind an offset, also those that have arrived while it was read.
func (l *Log[S, P]) Readers(after Offset) (round []*Reading[S, P]) {
	for _, c := range l.catching {
		if c.joined = c.joined || c.history.upTo.Compare(after) >= 0; c.joined {
			round = append(round, l.reading(c))
		}
	}
	return round
}

// Fetched is a packet of a page that is for at least one client.
type Fetched[P any] struct{ *past[P] }

// Select decides which readers a packet of a page, with the offset o, is for.
// It calls encode once, and only if there is one, and returns nil otherwise. An
// error of encode ends the waiting of these clients, as does a packet that is
// too large for the rest of MaxBytes. The result must be dealt. It needs no
// lock.
func Select[S, P any](round []*Reading[S, P], o Offset, rooms, except []string, encode func() (payload P, size int, err error)) *Fetched[P] {
	to := Packet[P]{Rooms: rooms, Except: except}
	var p *past[P]
	var err error
	for _, r := range round {
		h := r.catching.history
		if r.err != nil || r.upTo.Compare(o) >= 0 || !h.who.wants(&to, 0, h.in) {
			continue
		}
		if p == nil && err == nil {
			var payload P
			var size int
			if payload, size, err = encode(); err == nil {
				p = &past[P]{offset: o, payload: payload, size: size}
			}
		}
		if r.err = err; err != nil {
			continue
		}
		if r.most -= p.size; r.most < 0 {
			r.err = errTooMuch
			continue
		}
		r.got = append(r.got, p)
	}
	if p == nil {
		return nil
	}
	return &Fetched[P]{p}
}

// Deal gives each client of a round what it missed of the page behind the
// oldest, which reaches up to upTo, or text as the adapter wrote it. A client
// that would get too much, or that this does not get further, does not come
// back.
func (l *Log[S, P]) Deal(oldest *Reading[S, P], round []*Reading[S, P], packets []*Fetched[P], upTo Offset, text string) {
	further := upTo.Compare(oldest.upTo) > 0
	if upTo.Compare(oldest.goal) < 0 {
		l.pages++ // else it is the log that moves on, faster than it is read
	}
	for _, p := range packets {
		l.held += PacketCost + p.size
		p.holders++ // until it is dealt
	}
	for _, r := range round {
		h := r.catching.history
		switch {
		case h.dropped:
		case !further && r.upTo == oldest.upTo, r.err != nil:
			l.finish(r.catching, false)
		case further && h.upTo.Compare(upTo) < 0:
			for _, p := range r.got {
				p.holders++
				h.bytes += p.size
			}
			h.list = append(h.list, r.got...)
			h.upTo, h.text = upTo, text
		}
	}
	for _, p := range packets {
		l.letGo(p.past)
	}
}

// Miss ends the waiting of those whose history is not to be had: the clients at
// the offset of the oldest, and if gap is set, as for all offsets before end,
// all before that.
func (l *Log[S, P]) Miss(oldest *Reading[S, P], end Offset, gap bool) {
	for _, r := range l.Readers(oldest.upTo) {
		if r.upTo == oldest.upTo || gap && r.upTo.Compare(end) < 0 {
			if gap && !r.catching.history.dropped {
				l.stats.Gaps++
			}
			l.finish(r.catching, false)
		}
	}
}
