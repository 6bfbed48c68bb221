package sio

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
)

// However many clients come back, one goroutine reads for all of them what is older than
// the log: it begins at the oldest of their offsets, and each page of history is given to
// all that miss something of it. A packet is encoded once, and kept once, for all.
//
// A client that arrives meanwhile joins if its offset is not passed yet, also by the page
// that is read then; others wait for the next round. So each client waits for two rounds at
// most, and a round is as long as what is kept. From a client's arrival until it is welcome
// the log forgets nothing, up to a limit: with what is older than the log has been then a
// client has all, and need not follow a log that moves on as fast as it is read.
//
// What is held for clients until they are sent it is bounded: when it is too
// much, the client with the most of it waits for the next round, too, and the last one
// until others have got theirs.

const (
	restoreMost = 15 // times RestoreTimeout, which begins again with each page
	heldRounds  = 4  // times MaxBytes may be held for all clients
	returnBytes = 1  // times MaxBytes the log may have more while clients come back
)

// catching is a client for which a history is read. Guarded by the log's lock, but for
// done.
type catching struct {
	history *history
	from    offset // where it has begun
	text    string // from as the adapter wrote it
	had     int    // packets that were there
	joined  bool   // it takes part in this round
	done    chan bool
}

// patience ends when no page of any history has come for RestoreTimeout, those apart that
// reach up to the log's beginning: with these all clients should have caught up.
func (lg *recoveryLog) patience() (context.Context, context.CancelFunc) {
	each := lg.cfg.RestoreTimeout
	ctx, cancel := context.WithTimeout(context.Background(), restoreMost*each)
	progress := func() uint64 {
		lg.mu.Lock()
		defer lg.mu.Unlock()
		return lg.pages
	}
	var timer *time.Timer
	seen, set := progress(), make(chan struct{})
	timer = time.AfterFunc(each, func() {
		<-set
		now := progress()
		if now == seen || ctx.Err() != nil {
			cancel()
			return
		}
		seen = now
		timer.Reset(each)
	})
	close(set)
	return ctx, func() {
		cancel()
		timer.Stop()
	}
}

// catchUp fetches what lies between a session's history and the log. It reports
// false, and drops the history, when that is not to be had.
func (lg *recoveryLog) catchUp(ctx context.Context, ses *session, h *history) bool {
	c := lg.catch(ses, h)
	if c == nil {
		return true
	}
	select {
	case ok := <-c.done:
		return ok
	case <-ctx.Done():
	}
	lg.mu.Lock()
	defer lg.mu.Unlock()
	select {
	case ok := <-c.done:
		return ok
	default:
		lg.finish(c, false)
		return false
	}
}

// catch has a history read. It returns nil when there is nothing to be read.
func (lg *recoveryLog) catch(ses *session, h *history) *catching {
	lg.mu.Lock()
	defer lg.mu.Unlock()
	h.who = &session{id: ses.id, stays: slices.Clone(ses.stays)}
	h.in = h.who.membership()
	h.leave()
	h.arrive()
	if lg.caughtUp(h) {
		return nil
	}
	c := &catching{history: h, from: h.upTo, text: h.text, had: len(h.list), done: make(chan bool, 1)}
	lg.catching = append(lg.catching, c)
	if !lg.rereading {
		lg.rereading = true
		go lg.reread()
	}
	return c
}

// reread is the goroutine that reads histories, while clients wait for any.
func (lg *recoveryLog) reread() {
	for lg.turnPage() {
	}
}

// turnPage reads one page. It returns false when no client waits any more.
func (lg *recoveryLog) turnPage() bool {
	oldest, room := lg.round()
	if room != nil {
		select {
		case <-room:
		case <-time.After(lg.cfg.RestoreTimeout): // some may have gone
		}
		return true
	}
	if oldest == nil {
		return false
	}
	list, text, err := lg.page(oldest)
	if err != nil {
		lg.miss(oldest.upTo, text, errors.Is(err, adapter.ErrGap))
		return true
	}
	lg.deal(oldest, list, text)
	return true
}

// member is a client that a page is read for.
type member struct {
	*catching
	upTo  offset // the page's packets after it concern the client
	text  string
	goal  offset // where the log began when the page was asked for
	most  int    // bytes that it may get
	got   []*past
	error error
}

// round returns the client at the oldest offset of those that a page is to be read for.
// When too much is held for others, the channel is closed once that is less.
func (lg *recoveryLog) round() (oldest *member, room <-chan struct{}) {
	lg.lookApart()
	lg.mu.Lock()
	defer lg.mu.Unlock()
	for _, c := range slices.Clone(lg.catching) {
		if caughtUp := !c.history.dropped && lg.caughtUp(c.history); caughtUp || c.history.dropped {
			lg.pages++ // others get on, too
			lg.finish(c, caughtUp)
		}
	}
	joined := lg.joined()
	for limit := heldRounds * lg.cfg.MaxBytes; lg.held > limit && len(joined) > 1; joined = lg.joined() {
		slices.MaxFunc(joined, func(a, b *catching) int { return a.history.bytes - b.history.bytes }).waitOn()
	}
	switch {
	case len(lg.catching) == 0:
		lg.rereading = false
		return nil, nil
	case len(joined) == 0:
		for _, c := range lg.catching {
			c.joined = true
		}
		joined = lg.joined()
	}
	if len(joined) == 1 && lg.held-joined[0].history.bytes > heldRounds*lg.cfg.MaxBytes {
		if lg.room == nil {
			lg.room = make(chan struct{})
		}
		return nil, lg.room
	}
	return lg.member(slices.MinFunc(joined, func(a, b *catching) int { return a.history.upTo.compare(b.history.upTo) })), nil
}

func (lg *recoveryLog) member(c *catching) *member {
	h := c.history
	goal, _ := lg.start()
	return &member{catching: c, upTo: h.upTo, text: h.text, goal: goal, most: lg.cfg.MaxBytes - h.bytes}
}

// members is the clients that miss something of a page after an offset, also those that
// have arrived while it was read.
func (lg *recoveryLog) members(at offset) (round []*member) {
	lg.mu.Lock()
	defer lg.mu.Unlock()
	for _, c := range lg.catching {
		if c.joined = c.joined || c.history.upTo.compare(at) >= 0; c.joined {
			round = append(round, lg.member(c))
		}
	}
	return round
}

// joined is the clients of this round.
func (lg *recoveryLog) joined() (list []*catching) {
	for _, c := range lg.catching {
		if c.joined {
			list = append(list, c)
		}
	}
	return list
}

// waitOn has a client begin from its beginning in the next round.
func (c *catching) waitOn() {
	c.history.cut(c.had)
	c.history.upTo, c.history.text, c.joined = c.from, c.text, false
}

// finish is the end of a client's waiting.
func (lg *recoveryLog) finish(c *catching, caughtUp bool) {
	i := slices.Index(lg.catching, c)
	if i < 0 {
		return
	}
	lg.catching = slices.Delete(lg.catching, i, i+1)
	if !caughtUp {
		c.history.drop()
	}
	c.done <- caughtUp
	if len(lg.catching) == 0 && lg.stopPage != nil {
		lg.stopPage()
	}
}

// lookApart is look on a goroutine of its own, as the adapter may end it.
func (lg *recoveryLog) lookApart() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		lg.look()
	}()
	<-done
}

var errHistory = errors.New("sio: the adapter's History has not returned")

// page asks the adapter for the history after the place of a member, in whose name its
// panic is reported, as long as any client waits.
func (lg *recoveryLog) page(m *member) (list []adapter.Kept, text string, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	lg.mu.Lock()
	lg.stopPage = cancel
	lg.mu.Unlock()
	done := make(chan struct{})
	err = errHistory
	go func() {
		defer close(done)
		finished := false
		defer lg.ns.srv.rescue(m.history.socket, "restore", &finished, nil)
		list, text, err = lg.keeper().History(ctx, m.text)
		finished = true
	}()
	<-done
	return list, text, err
}

// miss ends the waiting of those whose histories are not to be had: the oldest, and in
// case of a gap all before its end.
func (lg *recoveryLog) miss(at offset, end string, gap bool) {
	round := lg.members(at)
	lg.mu.Lock()
	defer lg.mu.Unlock()
	limit, _ := parseEntryID(end)
	for _, m := range round {
		if m.upTo == at || gap && m.upTo.compare(limit) < 0 {
			if gap && !m.history.dropped {
				lg.stats.Gaps++
			}
			lg.finish(m.catching, false)
		}
	}
}

// deal gives each client of a round what it misses of a page after the oldest, which
// reaches up to the offset in text. One that would get too much, or gets no further, has
// waited in vain.
func (lg *recoveryLog) deal(oldest *member, list []adapter.Kept, text string) {
	round := lg.members(oldest.upTo)
	upTo, ok := parseEntryID(text)
	ok = ok && upTo.compare(oldest.upTo) > 0
	var packets []*past
	if ok {
		packets = lg.past(round, list)
	}
	lg.mu.Lock()
	defer lg.mu.Unlock()
	if upTo.compare(oldest.goal) < 0 {
		lg.pages++ // else it is the log that moves on, faster than it is read
	}
	for _, p := range packets {
		lg.held += packetCost + p.size
		p.holders++ // until it is dealt
	}
	for _, m := range round {
		h := m.history
		switch {
		case h.dropped:
		case !ok && m.upTo == oldest.upTo, m.error != nil:
			lg.finish(m.catching, false)
		case ok && h.upTo.compare(upTo) < 0:
			for _, p := range m.got {
				p.holders++
				h.bytes += p.size
			}
			h.list = append(h.list, m.got...)
			h.upTo, h.text = upTo, text
		}
	}
	for _, p := range packets {
		lg.letGo(p)
	}
}

var errTooMuch = errors.New("sio: the client has missed more than MaxBytes")

// past encodes what of a page is for any client of a round, and notes for each what it
// gets, or why it gets nothing.
func (lg *recoveryLog) past(round []*member, list []adapter.Kept) (packets []*past) {
	for _, k := range list {
		o, ok := parseEntryID(k.Packet.Offset)
		if !ok {
			continue
		}
		to := keptPacket{rooms: k.Options.Rooms, except: k.Options.Except}
		var p *past
		var err error
		for _, m := range round {
			if m.error != nil || m.upTo.compare(o) >= 0 || !m.history.who.wants(&to, 0, m.history.in) {
				continue
			}
			if p == nil && err == nil {
				var d draft
				if d, err = eventDraft(lg.ns, k.Packet.Event, k.Packet.Args, k.Options.NoCompress); err == nil {
					p = &past{offset: o, message: d.finish(k.Packet.Offset)}
					p.size = p.message.size()
					packets = append(packets, p)
				}
			}
			if m.error = err; err != nil {
				continue
			}
			if m.most -= p.size; m.most < 0 {
				m.error = errTooMuch
				continue
			}
			m.got = append(m.got, p)
		}
	}
	return packets
}
