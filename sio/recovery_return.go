package sio

import (
	"bytes"
	"context"
	"slices"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/internal/recovery"
)

// Coming back to a server whose log has a keeper: the session, and what is older
// than the log, are fetched on a worker while the client is in limbo. What was
// fetched ends where the log begins: if the log has forgotten more meanwhile, more
// is fetched. The rest is as with sessions of the server's own.

// restore lets a client wait until the adapter has answered whether it can have
// the session that it wants. Meanwhile it is in limbo, and counts as one who has
// arrived in the namespace.
func (c *client) restore(lg *sharedLog, auth []byte, w wish) {
	c.limbo(lg.ns.name).enqueue(&restoreJob{lg, slices.Clone(auth), w}, true)
}

type restoreJob struct {
	log  *sharedLog
	auth []byte
	wish wish
}

func (j *restoreJob) size() int          { return len(j.auth) }
func (j *restoreJob) lapses(uint32) bool { return true }
func (j *restoreJob) drop(*Socket)       { j.log.ns.depart() }

func (j *restoreJob) run(s *Socket) {
	t := &restoredTask{s: s, job: j}
	defer t.post() // also when the adapter ends the goroutine
	t.restore()
}

// restoredTask is a client whose wish was answered.
type restoredTask struct {
	s    *Socket
	job  *restoreJob
	back *membership // nil: it can't come back
}

// restore asks the adapter. A client whose session the adapter fails to tell can't
// come back.
func (t *restoredTask) restore() {
	lg, finished := t.job.log, false
	defer lg.ns.srv.rescue(t.s, "restore", &finished, nil)
	t.back = lg.restore(t.s, t.job.wish)
	finished = true
}

func (t *restoredTask) post() {
	lg := t.job.log
	if t.back == nil {
		lg.mu.Lock()
		lg.log.Fail()
		lg.mu.Unlock()
	}
	if !t.s.client.Loop().Post(t) && t.back != nil {
		lg.giveBack(t.back)
	}
}

func (t *restoredTask) Run(*loop.Loop) {
	defer t.job.log.ns.depart()
	if t.s.leaveLimbo() {
		t.s.client.enter(t.job.log.ns, t.job.auth, arrival{restored: true, back: t.back})
	} else if t.back != nil {
		t.job.log.giveBack(t.back) // lost again
	}
}

// takeTimes is how often a session is looked for that has changed before it was taken.
const takeTimes = 3

// restore asks the adapter for a session, and for what its client has missed. It
// returns nil when that is not to be had. The session is taken last: until then the
// client loses nothing if it goes, or if too little is there.
func (lg *sharedLog) restore(s *Socket, w wish) *membership {
	o, ok := recovery.ParseEntryID(w.Offset)
	if !ok {
		return nil
	}
	for range takeTimes {
		ses, h := lg.find(s, w, o)
		if ses == nil {
			return nil
		}
		switch lg.obtain(ses, h) {
		case obtained:
			return recovery.Return(ses, h)
		case notToBeHad:
			return nil
		}
	}
	return nil
}

// find asks for a session once this server's sockets have been sent what its client has.
func (lg *sharedLog) find(s *Socket, w wish, o recovery.Offset) (*session, *history) {
	ctx, cancel := context.WithTimeout(context.Background(), lg.cfg.RestoreTimeout)
	defer cancel()
	if !lg.reach(ctx, o) {
		return nil, nil
	}
	lg.mu.Lock()
	seen := lg.log.Knows(o)
	lg.mu.Unlock()
	kept, ok := (*lg.keeper.Load()).Restore(ctx, w.PID, w.Offset, seen)
	if !ok || len(kept.ID) != len(socketID{}) {
		return nil, nil
	}
	var data any
	if !bytes.Equal(bytes.TrimSpace(kept.Data), []byte("{}")) {
		if err := jsonenc.Unmarshal(kept.Data, &data); err != nil {
			return nil, nil
		}
	}
	h := lg.log.NewHistory(s, o, w.Offset)
	h.Record = kept
	return recovery.Restored[*Socket, message](kept.PID, socketID([]byte(kept.ID)), kept.Rooms, data), h
}

// What obtain comes to.
const (
	notToBeHad = iota // what was missed is not to be had
	changed           // the session is not there as it was found
	obtained
)

// obtain reads what was missed, and takes the session.
func (lg *sharedLog) obtain(ses *session, h *history) (outcome int) {
	defer func() {
		if outcome != obtained { // or the adapter has not returned
			lg.mu.Lock()
			defer lg.mu.Unlock()
			h.Drop()
		}
	}()
	ctx, cancel := lg.patience()
	defer cancel()
	if !lg.catchUp(ctx, ses, h) {
		return notToBeHad
	}
	ctx, cancel = context.WithTimeout(context.Background(), lg.cfg.RestoreTimeout)
	defer cancel()
	if !(*lg.keeper.Load()).Take(ctx, h.Record.(adapter.Session)) {
		return changed
	}
	return obtained
}

// reach waits until this server's sockets have been sent what is at an offset, or
// never will be: a client that has seen more elsewhere must not get it again. It
// reports false when ctx ends first.
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

// catchUpJob fetches what the log has forgotten while the middlewares ran. When
// that can't be had the connection ends, and the client may try again.
type catchUpJob struct{ log *sharedLog }

func (catchUpJob) size() int          { return 0 }
func (catchUpJob) lapses(uint32) bool { return true }
func (catchUpJob) drop(*Socket)       {}

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
