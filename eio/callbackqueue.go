package eio

import (
	"container/list"
	"sync"
)

// turns bounds how many requests are with functions of the application that may
// block, each on a goroutine. What comes beyond waits for one of them to return,
// first come, first served: functions that never do cost as many goroutines as
// the bound has, and a waiting request ends with its connection. Safe for
// concurrent use.
type callbackQueue struct {
	limit int

	mu      sync.Mutex // guards what follows
	running int
	waiting list.List // of *turn
}

// turn is one request's.
type callbackSlot struct {
	run func()
	at  *list.Element // nil unless it waits; guarded by the mu of turns
}

// start has run called on a goroutine, now or later.
func (q *callbackQueue) start(slot *callbackSlot, run func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	slot.run = run
	if q.running == q.limit {
		slot.at = q.waiting.PushBack(slot)
		return
	}
	q.running++
	go q.serve(slot)
}

// take runs t and lets the next one have its place, even if run ends the goroutine.
func (q *callbackQueue) serve(slot *callbackSlot) {
	defer q.next()
	slot.run()
}

func (q *callbackQueue) next() {
	q.mu.Lock()
	defer q.mu.Unlock()
	first := q.waiting.Front()
	if first == nil {
		q.running--
		return
	}
	slot := q.waiting.Remove(first).(*callbackSlot)
	slot.at = nil
	go q.serve(slot)
}

// withdraw takes t out of those that wait. It has no effect on one that runs.
func (q *callbackQueue) withdraw(slot *callbackSlot) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if slot.at != nil {
		q.waiting.Remove(slot.at)
		slot.at = nil
	}
}
