package sio

import (
	"context"
	"sync"
)

// maxRoomEvents is how many changes of rooms may wait for a hook of OnRoom.
const maxRoomEvents = 65_536

// roomQueue is what waits for one hook of OnRoom. The hook runs on a goroutine of its
// own, which exists while something waits: rooms change on loops too, which the hook
// must not stop. Safe for concurrent use.
type roomQueue struct {
	srv  *Server
	hook func(e RoomEvent)

	mu    sync.Mutex // guards what follows
	queue []RoomEvent
	busy  bool // the goroutine exists
	full  bool // something was dropped since the queue was empty
}

// add hands an event to the hook. It never waits: what finds the queue full is dropped.
func (q *roomQueue) add(e RoomEvent) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) >= maxRoomEvents {
		q.srv.stats.roomEventsDropped.Add(1)
		if !q.full {
			q.full = true
			go q.warn()
		}
		return
	}
	q.queue = append(q.queue, e)
	if !q.busy {
		q.busy = true
		q.srv.roomHooks.begin()
		go q.run()
	}
}

func (q *roomQueue) warn() {
	q.srv.cfg.Logger.Warn("sio: a hook of OnRoom is too slow; events are dropped")
}

// run calls the hook until nothing waits. A hook that ends the goroutine is called for
// the next event by another one.
func (q *roomQueue) run() {
	finished := false
	defer func() {
		if !finished {
			go q.run()
			return
		}
		q.srv.roomHooks.end()
	}()
	for e, ok := q.next(); ok; e, ok = q.next() {
		q.srv.protect(e.Kind.String(), func() { q.hook(e) })
	}
	finished = true
}

// next takes an event from the queue. When there is none the goroutine has to end.
func (q *roomQueue) next() (e RoomEvent, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) == 0 {
		q.queue, q.busy, q.full = nil, false, false
		return e, false
	}
	e = q.queue[0]
	q.queue[0] = RoomEvent{}
	q.queue = q.queue[1:]
	return e, true
}

// tally counts what is under way, for an end that waits for it. Safe for concurrent use.
type tally struct {
	mu   sync.Mutex
	n    int
	none chan struct{} // closed when n becomes 0; nil when nothing waits for that
}

func (t *tally) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
}

func (t *tally) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n--; t.n == 0 && t.none != nil {
		close(t.none)
		t.none = nil
	}
}

// wait returns when nothing is under way, or ctx's error when that is done first.
func (t *tally) wait(ctx context.Context) error {
	t.mu.Lock()
	none := t.none
	if t.n > 0 && none == nil {
		none = make(chan struct{})
		t.none = none
	}
	t.mu.Unlock()
	if none == nil {
		return nil
	}
	select {
	case <-none:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
