package sio

import (
	"context"
	"errors"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/internal/recovery"
)

// However many clients come back, one goroutine reads for all of them what is older
// than the log. Whose turn it is, and what each client gets of a page of history, is
// decided by the rounds of package recovery; here are the goroutine, the adapter's
// calls, and the time limits.

// restoreMost times RestoreTimeout a client waits at most; RestoreTimeout begins
// again with each page.
const restoreMost = 15

// patience ends when no page of any history has come for RestoreTimeout, except those
// that reach up to the log's beginning: with these all clients should have caught up.
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

// catchUp fetches what lies between a session's history and the log. It reports
// false, and drops the history, when that is not to be had.
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

// reread is the goroutine that reads histories, while clients wait for any.
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
		upTo = recovery.Offset{} // the clients at the oldest offset get no further
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

// waitForRoom waits until less is held for histories, or some clients may have gone.
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

// lookApart is look on a goroutine of its own, as the adapter may end it.
func (lg *sharedLog) lookApart() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		lg.look()
	}()
	<-done
}

var errHistory = errors.New("sio: the adapter's History has not returned")

// page asks the adapter for the history after the place of a client, in whose name
// its panic is reported, as long as any client waits.
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

// deal gives each client of a round what it misses of a page after the oldest, which
// reaches up to upTo. The packets are encoded without the lock.
func (lg *sharedLog) deal(oldest *reading, list []adapter.Kept, upTo recovery.Offset, text string) {
	lg.mu.Lock()
	round := lg.log.Readers(oldest.UpTo())
	lg.mu.Unlock()
	var packets []*recovery.Fetched[message]
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
func (lg *sharedLog) fetched(round []*reading, k adapter.Kept) *recovery.Fetched[message] {
	o, ok := recovery.ParseEntryID(k.Packet.Offset)
	if !ok {
		return nil
	}
	return recovery.Select(round, o, k.Options.Rooms, k.Options.Except, func() (message, int, error) {
		d, err := eventDraft(lg.ns, k.Packet.Event, k.Packet.Args, k.Options.NoCompress)
		if err != nil {
			return message{}, 0, err
		}
		m := d.finish(k.Packet.Offset)
		return m, m.size(), nil
	})
}
