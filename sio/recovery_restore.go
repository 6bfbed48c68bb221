package sio

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/internal/recovery"
)

// A client comes back with a session that an adapter keeps: the session, and
// the packets older than the log, are read on a worker while the client waits
// (joining). What was read must reach up to the log: if the log has evicted
// more meanwhile, more is read. The rest is as with an ownLog.

// restore lets a client wait until the adapter has answered whether it can have
// the session that it asks for. Meanwhile it counts as a socket that has
// arrived in the namespace.
func (c *client) restore(lg *sharedLog, auth []byte, r restoreRequest) {
	step := &restoreStep{log: lg, request: r}
	j := c.wait(lg.ns.name, auth, step)
	j.runOnWorker(func() { step.run(j) })
}

// restoreStep asks an adapter for a session.
type restoreStep struct {
	log     *sharedLog
	request restoreRequest
	back    *membership // nil: the client can't come back
}

// run asks the adapter. If the adapter panics or ends the goroutine, the client
// can't come back.
func (t *restoreStep) run(j *joining) {
	lg, s, finished := t.log, j.socket(t.log.ns), false
	defer func() {
		if t.back == nil && !isClosed(j.left) {
			lg.mu.Lock()
			defer lg.mu.Unlock()
			lg.log.CountFailed()
		}
	}()
	defer lg.ns.srv.rescue(s, "restore", &finished, nil)
	t.back = lg.restore(s, t.request, j.left)
	finished = true
}

func (t *restoreStep) decide(j *joining) {
	defer t.log.ns.depart() // when it has arrived a second time
	j.client.enter(t.log.ns, j.auth, joinState{restored: true, back: t.back})
}

func (t *restoreStep) drop(*joining) {
	if t.back != nil {
		t.log.giveBack(t.back) // lost again
	}
	t.log.ns.depart()
}

// takeTimes is how often a session is looked for that changes before it is
// taken.
const takeTimes = 8

// restore asks the adapter for a session, and for what its client has missed. s
// stands for the client if the adapter panics, and left is closed when the
// client has left. restore returns nil when these are not to be had. The
// session is taken last: until then the client loses nothing if it leaves, or
// if some of what it missed is not kept. A client that has left takes nothing:
// its next connection may ask for the session already.
func (lg *sharedLog) restore(s *Socket, r restoreRequest, left <-chan struct{}) *membership {
	o, ok := recovery.ParseEntryID(r.Offset)
	if !ok {
		return nil
	}
	for range takeTimes {
		ses, h := lg.find(s, r, o)
		if ses == nil {
			return nil
		}
		switch lg.obtain(ses, h, left) {
		case obtained:
			return recovery.Return(ses, h)
		case notToBeHad:
			return nil
		}
	}
	return nil
}

// find asks for a session once this server's sockets were sent all that its
// client has.
func (lg *sharedLog) find(s *Socket, r restoreRequest, o recovery.Offset) (*session, *history) {
	ctx, cancel := context.WithTimeout(context.Background(), lg.cfg.RestoreTimeout)
	defer cancel()
	if !lg.reach(ctx, o) {
		return nil, nil
	}
	lg.mu.Lock()
	seen := lg.log.Knows(o)
	lg.mu.Unlock()
	kept, ok := (*lg.keeper.Load()).Restore(ctx, r.PID, r.Offset, seen)
	if !ok || len(kept.ID) != len(socketID{}) || kept.Namespace != "" && kept.Namespace != lg.ns.name {
		return nil, nil
	}
	var data any
	if !bytes.Equal(bytes.TrimSpace(kept.Data), []byte("{}")) {
		if err := jsonenc.Unmarshal(kept.Data, &data); err != nil {
			return nil, nil
		}
	}
	h := lg.log.NewHistory(s, o, r.Offset)
	h.Record = kept
	return recovery.Restored[*Socket, encodedPacket](kept.PID, socketID([]byte(kept.ID)), kept.Rooms, data), h
}

// What obtain comes to.
const (
	notToBeHad = iota // what was missed is not to be had
	changed           // the session is not there as it was found
	obtained
)

// obtain reads what was missed, and takes the session unless the client has
// left.
func (lg *sharedLog) obtain(ses *session, h *history, left <-chan struct{}) (outcome int) {
	defer func() {
		if outcome != obtained { // or the adapter has not returned
			lg.mu.Lock()
			defer lg.mu.Unlock()
			h.Drop()
		}
	}()
	ctx, cancel := lg.patience()
	defer cancel()
	if !lg.catchUp(ctx, ses, h) || isClosed(left) {
		return notToBeHad
	}
	ctx, cancel = context.WithTimeout(context.Background(), lg.cfg.RestoreTimeout)
	defer cancel()
	if !(*lg.keeper.Load()).Take(ctx, h.Record.(adapter.Session)) {
		return changed
	}
	return obtained
}

// reach waits until this server's sockets were sent the packet at an offset, or
// never will be: a client that has seen more on another server must not get it
// again. It reports false when ctx ends first.
func (lg *sharedLog) reach(ctx context.Context, o recovery.Offset) bool {
	done := make(chan struct{})
	lg.mu.Lock()
	lg.waiting = append(lg.waiting, offsetWaiter{o, done})
	lg.mu.Unlock()
	defer lg.waitNoMore(done)
	for {
		changed := lg.look()
		lg.mu.Lock()
		_, known := lg.log.Start()
		reached := known && lg.log.Reached().Compare(o) >= 0
		lg.mu.Unlock()
		if reached {
			return true
		}
		select {
		case <-done:
			return true
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// waitNoMore ends a wait for an offset.
func (lg *sharedLog) waitNoMore(done chan struct{}) {
	lg.mu.Lock()
	defer lg.mu.Unlock()
	lg.waiting = slices.DeleteFunc(lg.waiting, func(w offsetWaiter) bool { return w.done == done })
}

// catchUpJob reads what the log has evicted while the middlewares ran. When
// that is not to be had the connection ends, and the client may try again.
type catchUpJob struct{ log *sharedLog }

func (catchUpJob) size() int          { return 0 }
func (catchUpJob) lapses(uint32) bool { return true }
func (catchUpJob) drop(s *Socket)     { s.outlast() }

func (j catchUpJob) run(s *Socket) {
	lg, caughtUp, finished := j.log, false, false
	defer func() {
		if caughtUp {
			s.client.Loop().Post((*welcomeTask)(s))
		} else { // or the adapter has not returned
			s.client.Loop().PostFunc(func() { s.client.end(errMissed, true) })
		}
	}()
	defer lg.ns.srv.rescue(s, "restore", &finished, nil)
	ctx, cancel := lg.patience()
	defer cancel()
	m := s.membership()
	caughtUp = lg.catchUp(ctx, m.Session, m.History)
	finished = true
}

// One goroutine reads what is older than the log for all clients that come
// back. The rounds of package recovery decide which page is read next, and what
// each client gets of it. The goroutine, the calls of the adapter and the time
// limits are here.

// restoreMost times RestoreTimeout a client waits at most; RestoreTimeout
// begins again with each page.
const restoreMost = 15

// patience ends when no page of any history has come for RestoreTimeout. Pages
// that reach up to the log's beginning don't count: with these all clients
// should have caught up.
func (lg *sharedLog) patience() (context.Context, context.CancelFunc) {
	each := lg.cfg.RestoreTimeout
	ctx, cancel := context.WithTimeout(context.Background(), restoreMost*each)
	progress := func() uint64 {
		lg.mu.Lock()
		defer lg.mu.Unlock()
		return lg.log.Pages()
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

// catchUp reads what lies between a session's history and the log. When that is
// not to be had it drops the history and reports false.
func (lg *sharedLog) catchUp(ctx context.Context, ses *session, h *history) bool {
	done := make(chan bool, 1)
	lg.mu.Lock()
	c := lg.log.Catch(ses, h, func(caughtUp bool) { done <- caughtUp })
	if c != nil && !lg.rereading {
		lg.rereading = true
		go lg.reread()
	}
	lg.mu.Unlock()
	if c == nil {
		return true
	}
	select {
	case ok := <-done:
		return ok
	case <-ctx.Done():
	}
	lg.mu.Lock()
	defer lg.mu.Unlock()
	lg.log.Cancel(c) // unless it is done by now
	return <-done
}

// reread is the goroutine that reads histories. It ends when no client waits.
func (lg *sharedLog) reread() {
	for lg.turnPage() {
	}
}

// turnPage reads one page. It returns false when no client waits any more.
func (lg *sharedLog) turnPage() bool {
	oldest, found := lg.round()
	switch found {
	case recovery.None:
		return false
	case recovery.Full:
		lg.waitForRoom()
		return true
	}
	list, text, err := lg.page(oldest)
	upTo, ok := recovery.ParseEntryID(text)
	if err != nil {
		lg.mu.Lock()
		defer lg.mu.Unlock()
		lg.log.Miss(oldest, upTo, errors.Is(err, adapter.ErrGap))
		return true
	}
	if !ok {
		upTo = recovery.Offset{} // the clients at the oldest offset are stuck
	}
	lg.deal(oldest, list, upTo, text)
	return true
}

// round returns the client for which a page is to be read.
func (lg *sharedLog) round() (oldest *reading, found recovery.Found) {
	lg.lookApart()
	lg.mu.Lock()
	defer lg.mu.Unlock()
	oldest, found = lg.log.Round()
	switch {
	case found == recovery.None:
		lg.rereading = false
	case found == recovery.Full && lg.room == nil:
		lg.room = make(chan struct{})
	}
	return oldest, found
}

// waitForRoom waits until less is held for histories, or some clients may have
// gone.
func (lg *sharedLog) waitForRoom() {
	lg.mu.Lock()
	room := lg.room
	lg.mu.Unlock()
	if room == nil {
		return
	}
	select {
	case <-room:
	case <-time.After(lg.cfg.RestoreTimeout):
	}
}

// lookApart is look on a goroutine of its own, because the adapter may end it.
func (lg *sharedLog) lookApart() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		lg.look()
	}()
	<-done
}

var errHistory = errors.New("sio: the adapter's History has not returned")

// page asks the adapter for the history behind the offset of a client, on whose
// behalf a panic is reported. It stops when no client waits any more.
func (lg *sharedLog) page(oldest *reading) (list []adapter.Kept, text string, err error) {
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
		after, socket := oldest.After()
		defer lg.ns.srv.rescue(socket, "restore", &finished, nil)
		list, text, err = (*lg.keeper.Load()).History(ctx, after)
		finished = true
	}()
	<-done
	return list, text, err
}

// deal gives each client of a round what it missed of a page, which reaches up
// to upTo. The packets are encoded without the lock.
func (lg *sharedLog) deal(oldest *reading, list []adapter.Kept, upTo recovery.Offset, text string) {
	lg.mu.Lock()
	round := lg.log.Readers(oldest.UpTo())
	lg.mu.Unlock()
	var packets []*recovery.Fetched[encodedPacket]
	if upTo.Compare(oldest.UpTo()) > 0 {
		for _, k := range list {
			if f := lg.fetched(round, k); f != nil {
				packets = append(packets, f)
			}
		}
	}
	lg.mu.Lock()
	defer lg.mu.Unlock()
	lg.log.Deal(oldest, round, packets, upTo, text)
}

// fetched encodes a packet of a page, if it is for any client of a round.
func (lg *sharedLog) fetched(round []*reading, k adapter.Kept) *recovery.Fetched[encodedPacket] {
	o, ok := recovery.ParseEntryID(k.Packet.Offset)
	if !ok {
		return nil
	}
	return recovery.Select(round, o, k.Options.Rooms, k.Options.Except, func() (encodedPacket, int, error) {
		d, err := eventDraft(lg.ns, k.Packet.Event, k.Packet.Args, k.Options.NoCompress)
		if err != nil {
			return encodedPacket{}, 0, err
		}
		m := d.finish(k.Packet.Offset)
		return m, m.size(), nil
	})
}
