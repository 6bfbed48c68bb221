package sio

import (
	"bytes"
	"context"
	"slices"
	"sort"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/sio/adapter"
)

// Coming back to a server whose log has a keeper: the session, and what is older
// than the log, are fetched on a worker while the client is in limbo. What was
// fetched ends where the log begins: if the log has forgotten more meanwhile, more
// is fetched. The rest is as with sessions of the server's own.

// history is what the adapter has told of a session that comes back. Guarded by
// the log's lock.
type history struct {
	session adapter.Session
	upTo    offset // what list accounts for
	text    string // upTo as the adapter wrote it
	list    []past
	bytes   int  // of list
	dropped bool // nobody is to be sent the list, nor what is yet to be fetched
}

// past is a missed packet that was fetched.
type past struct {
	offset  offset
	message message
}

// before takes out the messages up to an offset: others are yet to be sent to
// everybody here.
func (h *history) before(o offset) (list []message) {
	i := sort.Search(len(h.list), func(i int) bool { return h.list[i].offset.compare(o) > 0 })
	for _, p := range h.list[:i] {
		list = append(list, p.message)
	}
	for _, p := range h.list[i:] {
		p.message.release()
	}
	h.list = nil
	if o.compare(h.upTo) < 0 {
		h.upTo = o
	}
	return list
}

// drop ends a history whose client does not come back with it.
func (h *history) drop() {
	for _, p := range h.list {
		p.message.release()
	}
	h.list, h.dropped = nil, true
}

// caughtUp reports whether the log has everything that is not in the history.
// lg.mu is held.
func (lg *recoveryLog) caughtUp(h *history) bool {
	start, ok := lg.start()
	return ok && h.upTo.compare(start) >= 0
}

// restore lets a client wait until the adapter has answered whether it can have
// the session that it wants. Meanwhile it is in limbo, and counts as one who has
// arrived in the namespace.
func (c *client) restore(ns *Namespace, auth []byte, w wish) {
	c.limbo(ns.name).enqueue(&restoreJob{ns, slices.Clone(auth), w}, true)
}

type restoreJob struct {
	ns   *Namespace
	auth []byte
	wish wish
}

func (j *restoreJob) size() int          { return len(j.auth) }
func (j *restoreJob) lapses(uint32) bool { return true }
func (j *restoreJob) drop(*Socket)       { j.ns.depart() }

func (j *restoreJob) run(s *Socket) {
	t := &restoredTask{s: s, job: j}
	defer t.post() // also when the adapter ends the goroutine
	t.restore()
}

// restoredTask is a client whose wish was answered.
type restoredTask struct {
	s    *Socket
	job  *restoreJob
	back *visit // nil: it can't come back
}

// restore asks the adapter. A client whose session the adapter fails to tell can't
// come back.
func (t *restoredTask) restore() {
	lg, finished := t.job.ns.log, false
	defer lg.ns.srv.rescue(t.s, "restore", &finished, nil)
	ctx, cancel := context.WithTimeout(context.Background(), lg.cfg.RestoreTimeout)
	defer cancel()
	t.back = lg.restore(ctx, t.job.wish)
	finished = true
}

func (t *restoredTask) post() {
	lg := t.job.ns.log
	if t.back == nil {
		lg.mu.Lock()
		lg.stats.Failed++
		lg.mu.Unlock()
	}
	if !t.s.client.Loop().Post(t) && t.back != nil {
		lg.unclaim(t.back)
	}
}

func (t *restoredTask) Run(*loop.Loop) {
	defer t.job.ns.depart()
	if t.s.leaveLimbo() {
		t.s.client.enter(t.job.ns, t.job.auth, arrival{restored: true, back: t.back})
	} else if t.back != nil {
		t.job.ns.log.unclaim(t.back) // lost again
	}
}

// restore asks the adapter for a session, and for what its client has missed. It
// returns nil when that is not to be had.
func (lg *recoveryLog) restore(ctx context.Context, w wish) *visit {
	o, ok := parseEntryID(w.Offset)
	if !ok || !lg.reach(ctx, o) {
		return nil
	}
	lg.mu.Lock()
	_, seen := lg.position(o)
	lg.mu.Unlock()
	kept, ok := lg.keeper().Restore(ctx, w.PID, w.Offset, seen)
	if !ok || len(kept.ID) != len(socketID{}) {
		return nil
	}
	ses := &session{pid: kept.PID, id: socketID([]byte(kept.ID))}
	if !bytes.Equal(bytes.TrimSpace(kept.Data), []byte("{}")) {
		if err := jsonenc.Unmarshal(kept.Data, &ses.data); err != nil {
			return nil
		}
	}
	for _, room := range kept.Rooms {
		if room != kept.ID {
			ses.enter(room, 0)
		}
	}
	h := &history{session: kept, upTo: o, text: w.Offset}
	if !lg.catchUp(ctx, ses, h) {
		return nil
	}
	return &visit{session: ses, recovered: true, behind: true, history: h}
}

// reach waits until this server's sockets have been sent what is at an offset, or
// never will be: a client that has seen more elsewhere must not get it again. It
// reports false when ctx ends first.
func (lg *recoveryLog) reach(ctx context.Context, o offset) bool {
	done := make(chan struct{})
	lg.mu.Lock()
	lg.waiting = append(lg.waiting, offsetWaiter{o, done})
	lg.mu.Unlock()
	defer lg.waitNoMore(done)
	for {
		_, changed := lg.keeper().Since() // before it is looked at
		lg.mu.Lock()
		_, known := lg.start()
		reached := known && lg.reached().compare(o) >= 0
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
func (lg *recoveryLog) waitNoMore(done chan struct{}) {
	lg.mu.Lock()
	defer lg.mu.Unlock()
	lg.waiting = slices.DeleteFunc(lg.waiting, func(w offsetWaiter) bool { return w.done == done })
}

// catchUp fetches what lies between a session's history and the log. It reports
// false, and drops the history, when that is not to be had.
func (lg *recoveryLog) catchUp(ctx context.Context, ses *session, h *history) bool {
	lg.mu.Lock()
	ses = &session{id: ses.id, stays: slices.Clone(ses.stays)} // the socket may join and leave rooms meanwhile
	done, after := lg.caughtUp(h), h.text
	lg.mu.Unlock()
	for !done {
		list, text, err := lg.keeper().History(ctx, after)
		var fetched []past
		if err == nil {
			fetched, err = lg.past(list, ses)
		}
		lg.mu.Lock()
		ok := h.extend(fetched, text, lg.cfg.MaxBytes) && err == nil
		if !ok {
			h.drop()
		}
		done, after = lg.caughtUp(h), h.text
		lg.mu.Unlock()
		if !ok {
			return false
		}
	}
	return true
}

// extend adds what was fetched, which reaches up to the offset in text. It reports
// false when that is no progress, too much, or in vain.
func (h *history) extend(fetched []past, text string, limit int) bool {
	for _, p := range fetched {
		h.bytes += p.message.size()
	}
	h.list = append(h.list, fetched...)
	upTo, ok := parseEntryID(text)
	if h.dropped || h.bytes > limit || !ok || upTo.compare(h.upTo) <= 0 {
		return false
	}
	h.upTo, h.text = upTo, text
	return true
}

// past encodes what was for a session, up to a little more than may be kept.
func (lg *recoveryLog) past(list []adapter.Kept, ses *session) (fetched []past, err error) {
	in := ses.membership()
	bytes := 0
	for _, k := range list {
		o, ok := parseEntryID(k.Packet.Offset)
		to := keptPacket{rooms: k.Options.Rooms, except: k.Options.Except}
		if !ok || !ses.wants(&to, 0, in) {
			continue
		}
		d, err := eventDraft(lg.ns, k.Packet.Event, k.Packet.Args, k.Options.NoCompress)
		if err != nil {
			return fetched, err
		}
		m := d.finish(k.Packet.Offset)
		fetched = append(fetched, past{o, m})
		if bytes += m.size(); bytes > lg.cfg.MaxBytes {
			break
		}
	}
	return fetched, nil
}

// occupy makes s the socket of the session that has come back.
func (lg *recoveryLog) occupy(v *visit, s *Socket) {
	lg.mu.Lock()
	defer lg.mu.Unlock()
	v.session.socket = s
}

// catchUpJob fetches what the log has forgotten while the middlewares ran. When
// that can't be had the connection ends, and the client may try again.
type catchUpJob struct{}

func (catchUpJob) size() int          { return 0 }
func (catchUpJob) lapses(uint32) bool { return true }
func (catchUpJob) drop(*Socket)       {}

func (catchUpJob) run(s *Socket) {
	lg, caughtUp, finished := s.ns.log, false, false
	defer func() {
		if caughtUp {
			s.client.Loop().Post((*welcomeTask)(s))
		} else { // or the adapter has not returned
			s.client.Loop().PostFunc(func() { s.client.end(errMissed, true) })
		}
	}()
	defer lg.ns.srv.rescue(s, "restore", &finished, nil)
	ctx, cancel := context.WithTimeout(context.Background(), lg.cfg.RestoreTimeout)
	defer cancel()
	v := s.visit()
	caughtUp = lg.catchUp(ctx, v.session, v.history)
	finished = true
}
